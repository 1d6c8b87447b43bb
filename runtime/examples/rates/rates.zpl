# A meter on one host, a source on another; both on this machine to try it out.

platform
    name = rates
    url = http://127.0.0.1:1            # of no meaning here

nodes
    counting
        host = east
        tcp = tcp://127.0.0.1:7951
        actors
            meter
    station
        host = west
        tcp = tcp://127.0.0.1:7961
        actors
            source
                every = 20ms
