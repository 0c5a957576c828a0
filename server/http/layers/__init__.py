"""The layers of a connection, each a class over the last: flow, answering, waiting, reading. `connection` is on top."""
