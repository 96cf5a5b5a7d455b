"""SMPP 3.4 without I/O: values, octets, sessions and text; no clock, no sockets."""
