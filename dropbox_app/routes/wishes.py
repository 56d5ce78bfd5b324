"""What an uploader asks for."""

from dataclasses import dataclass

from dropbox_app.container.keys import check_pair
from dropbox_app.drops.passwords import new_password


@dataclass(frozen=True)
class Wishes:
    """What an uploader asks for, checked.

    Attributes:
        first: The first password, brought or made.
        second: The second password.
        hours: How long the drop shall live.
        downloads: How many downloads; None without a limit.
    """

    first: str
    second: str
    hours: int
    downloads: int | None

    @classmethod
    def check(cls, first: str, second: str, hours: int, downloads: int | None) -> "Wishes":
        """Check the passwords, and make those that are missing.

        Raises:
            Refused: a password breaks a rule, or both are the same.
        """
        first, second = check_pair(first or new_password(), second or new_password())
        return cls(first, second, hours, downloads)
