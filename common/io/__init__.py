"""The shells that more than one package needs: sockets, the batch reader, ZAP, the front door."""
