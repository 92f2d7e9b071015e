"""What plans are made from, and plans as tables and orders."""
