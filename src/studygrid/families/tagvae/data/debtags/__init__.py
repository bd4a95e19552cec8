"""Software packages and the tags that Debian gave them."""
