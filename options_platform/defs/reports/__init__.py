"""The SQL marts and the report, and the sensor that brings them up to date."""
