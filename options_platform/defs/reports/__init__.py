"""The SQL marts and the report, and the sensor that rebuilds them."""
