print("mimo-host")
