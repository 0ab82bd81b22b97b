"""Writes down what was done: each line that somebody sends is appended to a file, and acknowledged.

Its argument is the file's path. It prints its port.
"""

import asyncio
import sys
from contextlib import suppress
from pathlib import Path


async def main() -> None:
    with Path(sys.argv[1]).open("ab", buffering=0) as file:  # noqa: ASYNC230 - nothing else happens here

        async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with suppress(ConnectionError):
                while (line := await reader.readline()).endswith(b"\n"):
                    file.write(line)
                    writer.write(b"\n")
            writer.close()

        server = await asyncio.start_server(take, "127.0.0.1", 0)
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()


asyncio.run(main())
