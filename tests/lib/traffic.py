"""Connections that are there to be traced."""
import socket


def connections(server, count):
    """So many, one after the other: a byte each way, closed by the client first. server: a listening socket of ours."""
    for _ in range(count):
        client = socket.create_connection(server.getsockname())
        peer, _ = server.accept()
        client.sendall(b"x")
        peer.recv(1)
        client.close()
        peer.recv(1)
        peer.close()
