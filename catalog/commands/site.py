"""Commands of the site: site build, site serve."""

from __future__ import annotations

from typing import Annotated

import typer

from catalog.commands.base import Data, site_app


@site_app.command("build")
def build(data: Data = None) -> None:
    """Write the pages and build the site. Example: headatlas site build."""
    from catalog import site

    typer.echo(site.build(data=data))


@site_app.command("serve")
def serve(port: Annotated[int, typer.Option(help="Port on this machine.")] = 8000, data: Data = None) -> None:
    """Build the site and serve it to this machine until Ctrl-C. Example: headatlas site serve --port 8001."""
    from catalog import site

    site.serve(port=port, data=data)
