"""Say how to install a package that is missing."""

from contextlib import contextmanager

#: What networks are made of; everything linear works without these packages.
NETWORK_PACKAGES = ("torch", "skorch", "captum", "safetensors", "tqdm")


@contextmanager
def needs(user, packages, command):
    """Turn a failed import of a package into an ImportError with the command that installs it.

    Parameters
    ----------
    user : str
        What needs the package, as the subject of the sentence.
    packages : tuple of str
        Names of the packages that the command installs. A failed import of any other module is
        raised as it is.
    command : str
        What installs them.

    Raises
    ------
    ImportError
        If one of the packages is missing.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        missing = (error.name or "").split(".")[0]
        if missing not in packages:
            raise
        raise ImportError(
            f"{user} needs {missing}. Install it with: {command}", name=missing
        ) from error


def needs_network_packages(user):
    """Do the same for the packages that networks are made of.

    Parameters
    ----------
    user : str
        What needs them, as the subject of the sentence.

    Returns
    -------
    context manager
    """
    return needs(user, NETWORK_PACKAGES, f"pip install {' '.join(NETWORK_PACKAGES)}")
