a
    b = "x # y" # c
    c = it's
        d
	e
q = "
