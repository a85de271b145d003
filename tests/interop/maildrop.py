"""Fetches a whole maildrop over a connection of poplib that is logged in."""

import pathlib


def pairs(lines):
    return dict(line.decode().split(" ", 1) for line in lines)


def fetch(connection, directory, delete):
    """Every message into a file of its own. On the way it holds STAT, LIST, UIDL and TOP against what RETR gives."""
    count, octets = connection.stat()
    sizes = pairs(connection.list()[1])
    ids = pairs(connection.uidl()[1])
    assert len(sizes) == len(ids) == len(set(ids.values())) == count, (count, sizes, ids)
    assert sum(map(int, sizes.values())) == octets, (octets, sizes)
    for number in range(1, count + 1):
        lines = connection.retr(number)[1]
        message = b"".join(line + b"\r\n" for line in lines)
        assert len(message) == int(sizes[str(number)]), (number, len(message), sizes[str(number)])
        head = connection.top(number, 0)[1]
        assert head == lines[: lines.index(b"") + 1], f"TOP {number} 0 is not the header and the blank line"
        pathlib.Path(directory, str(number)).write_bytes(message)
        if delete:
            connection.dele(number)
