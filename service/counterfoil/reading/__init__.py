"""Reading commands in supervised children, because hostile input can crash C parsers."""
