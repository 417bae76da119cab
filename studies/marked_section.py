"""The part of a page that a command writes; the prose around it stays."""

from pathlib import Path

from macbdf_mm.errors import ConfigError
from macbdf_mm.utils.files import write_atomically

BEGIN = "<!-- written by the command below: begin -->"
END = "<!-- written by the command below: end -->"


def write_section(page: Path, title: str, section: str) -> None:
    """Write what stands between the markers of a page; a new page gets a title and markers.

    Args:
        page: A Markdown file.
        title: Heading of a new page.
        section: Markdown.

    Raises:
        ConfigError: If the page is there without its markers.
    """
    text = page.read_text(encoding="utf-8") if page.is_file() else f"# {title}\n\n{BEGIN}\n{END}\n"
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ConfigError(
            f"{page} has no lines '{BEGIN}' and '{END}' between which the results could go; "
            "put them in, or move the page away."
        )
    write_atomically(f"{before}{begin}\n\n{section.strip()}\n\n{end}{after}".encode(), page)
