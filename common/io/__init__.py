"""The shells that more than one package needs: sockets, the drain loop, ZAP, the front door."""
