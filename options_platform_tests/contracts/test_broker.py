"""What every listed broker must do, whatever stands behind it."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from options_platform.adapters.brokers import BROKERS, open_broker
from options_platform.adapters.brokers.port import DuplicateOrderError
from options_platform.domain.orders import TRANSITIONS
from options_platform.settings import make_settings
from options_platform_tests.domain.test_orders import ORDER


@pytest.fixture(params=BROKERS)
def broker(request, tmp_path):
    made = make_settings({"home": tmp_path, "source": "simulated", "broker": request.param})
    return open_broker(made)


def test_it_has_a_name_and_no_orders_to_begin_with(broker):
    assert broker.name in BROKERS
    assert broker.working() == []
    assert broker.find(ORDER.client_order_id) is None


def test_an_order_is_found_by_its_id_and_works(broker):
    sent = broker.submit(ORDER)
    assert sent.client_order_id == ORDER.client_order_id
    assert sent.status in TRANSITIONS["unknown"]
    assert broker.find(ORDER.client_order_id) == sent
    assert broker.working() == [sent]


def test_an_id_is_taken_once_even_with_other_content(broker):
    broker.submit(ORDER)
    for again in (ORDER, replace(ORDER, contracts=9)):
        with pytest.raises(DuplicateOrderError, match=f"{ORDER.client_order_id} must be unique"):
            broker.submit(again)
    assert len(broker.working()) == 1


def test_of_many_that_send_the_same_order_at_once_one_succeeds(broker):
    def send(_):
        try:
            return broker.submit(ORDER).status
        except DuplicateOrderError:
            return None

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(send, range(4)))
    assert sum(answer is not None for answer in answers) == 1
    assert len(broker.working()) == 1


def test_a_broker_that_is_opened_again_still_has_its_orders(broker, tmp_path):
    sent = broker.submit(ORDER)
    made = make_settings({"home": tmp_path, "source": "simulated", "broker": broker.name})
    assert open_broker(made).find(ORDER.client_order_id) == sent
