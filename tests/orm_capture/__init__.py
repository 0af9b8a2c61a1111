"""Captures corpora/orm_statements.json again from the real packages, on a real PostgreSQL.

    python3 -m venv /tmp/orms
    /tmp/orms/bin/pip install -r tests/orm_capture/requirements.txt
    cd tests && /tmp/orms/bin/python -m orm_capture

Each statement is kept as psycopg sends it, values bound by the client, in the order of its first
time, once for each origin. Times, keys and names of savepoints are fixed, so that the same versions
of the packages give the same file, byte for byte. They are needed here alone: tests read the file.
"""
