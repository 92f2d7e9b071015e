"""A fake EDGAR: the list of companies, and filings in the SEC's format."""

import json

from options_platform_tests.fakes.http_server import FakeServer


def columns(rows):
    """Filings as the SEC lists them; rows are (form, items, time of acceptance in UTC)."""
    return {
        "form": [form for form, *_ in rows],
        "items": [items for _, items, _ in rows],
        "acceptanceDateTime": [at for *_, at in rows],
        "filingDate": [at[:10] for *_, at in rows],
    }


class EdgarServer(FakeServer):
    """`numbers` by ticker; `recent` and `older` (name of the page, rows) by number."""

    def __init__(self):
        super().__init__()
        self.numbers = {}
        self.recent = {}
        self.older = {}

    def answer(self, path, query):
        if path.endswith("company_tickers.json"):
            rows = [
                {"cik_str": number, "ticker": ticker, "title": f"{ticker} Inc."}
                for ticker, number in self.numbers.items()
            ]
            return json.dumps({str(at): row for at, row in enumerate(rows)})
        name = path.rsplit("/", 1)[-1]
        for number, rows in self.recent.items():
            pages = self.older.get(number, {})
            if name in pages:
                return json.dumps(columns(pages[name]))
            if name == f"CIK{number:010}.json":
                files = [
                    {"name": page, "filingTo": max(at for *_, at in old)[:10]}
                    for page, old in pages.items()
                ]
                return json.dumps({"filings": {"recent": columns(rows), "files": files}})
        return 404, "<html>No such key</html>"
