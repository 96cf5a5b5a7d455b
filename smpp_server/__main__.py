"""`python -m smpp_server`: the same command as `smppd`."""

from smpp_server.cli import main

if __name__ == "__main__":
    main()
