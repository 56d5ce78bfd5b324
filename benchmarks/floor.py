"""The floor: what the same web server and framework cost when they stream a file to and from disk, and no more.

Started like the service: gunicorn, the same worker class, workers and threads. Nothing is sealed, hashed or checked.
Like the service it answers an upload only when the file and its name are safely on the disk.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from flask import Flask, Response, request

from benchmarks import MIB


def create_app() -> Flask:
    """The application; FLOOR_DIR is where files are kept, FLOOR_PAGE_SIZE how many bytes the front page has."""
    app = Flask("floor", static_folder=None)
    folder = Path(os.environ["FLOOR_DIR"])
    landing_page = "x" * int(os.environ["FLOOR_PAGE_SIZE"])

    @app.get("/")
    def page() -> str:
        return landing_page

    @app.put("/<name>")
    def upload(name: str) -> tuple[str, int]:
        part = folder / f"{name}.part"
        with part.open("wb", buffering=0) as file:
            while piece := request.stream.read(MIB):
                file.write(piece)
            os.fsync(file.fileno())
        part.rename(folder / name)
        handle = os.open(folder, os.O_RDONLY)
        os.fsync(handle)
        os.close(handle)
        return "ok\n", 201

    @app.get("/<name>")
    def download(name: str) -> Response:
        file = (folder / name).open("rb", buffering=0)
        size = os.fstat(file.fileno()).st_size

        def pieces() -> Iterator[bytes]:
            with file:
                while piece := file.read(MIB):
                    yield piece

        return Response(pieces(), headers={"Content-Length": str(size)}, mimetype="application/octet-stream")

    @app.delete("/<name>")
    def delete(name: str) -> tuple[str, int]:
        (folder / name).unlink()
        return "", 204

    return app
