# Shunt over containers: one node in each, every store somebody else's process. compose.yaml mounts this file into all of
# them as DATA/topology.zpl; each runs `shunt node --name ITS_OWN`.
#
# Nodes reach each other over tcp. An address here is both where a node listens and where others find it, and ZeroMQ listens
# on numbers only, not on names: so the nodes' network in compose.yaml has fixed addresses, 172.30.77.0/24.

platform
    name = shunt
    url = http://127.0.0.1:8080
    log = info

# ------------------------------------------------------------------------------------------------------------- stores
# Passwords are files in DATA/secrets: compose's secrets.

stores
    db
        kind = postgres
        managed = no
        uri = postgresql://shunt:{password}@db:5432/shunt
    redis
        kind = redis
        managed = no
        uri = redis://:{password}@redis:6379/0
    redis-replica
        kind = redis
        managed = no
        uri = redis://:{password}@redis-replica:6379/0
        password = secret:redis
    keygen-redis-primary
        kind = redis
        managed = no
        uri = redis://:{password}@keygen-redis-primary:6379/0
    keygen-redis-secondary
        kind = redis
        managed = no
        uri = redis://:{password}@keygen-redis-secondary:6379/0
    kafka
        kind = kafka
        managed = no
        uri = kafka://kafka:9092
    clickhouse
        kind = clickhouse
        managed = no
        uri = clickhouse://shunt:{password}@clickhouse:8123/shunt

# -------------------------------------------------------------------------------------------------------------- kinds

kinds
    schema
        postgres = db
        clickhouse = clickhouse
    config
        postgres = db
    id_allocator
        postgres = db
    keygen
        postgres = db
        redis_primary = keygen-redis-primary
        redis_secondary = keygen-redis-secondary
    links
        postgres = db
        redis = redis
        redis_replica = redis-replica
    cache_warmer
        postgres = db
        redis = redis
    click_buffer
        redis = redis
    kafka_bridge
        redis = redis
        kafka = kafka
    postgres_sink
        postgres = db
        kafka = kafka
    clickhouse_sink
        clickhouse = clickhouse
        kafka = kafka
    reconciler
        postgres = db
        clickhouse = clickhouse
        kafka = kafka

# -------------------------------------------------------------------------------------------------------------- nodes

nodes
    config
        host = config
        tcp = tcp://172.30.77.11:7001
        actors
            schema
            config
            operator
                listen = 0.0.0.0:8081
                address = config:8081
            stores
                names = "db redis redis-replica keygen-redis-primary keygen-redis-secondary kafka clickhouse"
    id-allocator
        host = id-allocator
        tcp = tcp://172.30.77.12:7001
        actors
            id_allocator
    keygen
        host = keygen
        tcp = tcp://172.30.77.13:7001
        actors
            keygen
    app1
        role = app
        host = app1
        tcp = tcp://172.30.77.21:7001
        actors
            links
    app2
        like = app1
        host = app2
        tcp = tcp://172.30.77.22:7001
    app3
        like = app1
        host = app3
        tcp = tcp://172.30.77.23:7001
    edge                                # the container is called load-balancer
        host = edge
        tcp = tcp://172.30.77.31:7001
        actors
            kafka_bridge
            click_buffer
                thread = front
            edge
                thread = front
                listen = 0.0.0.0:8080
    cache-warmer
        host = cache-warmer
        tcp = tcp://172.30.77.41:7001
        actors
            cache_warmer
    ingestion-1
        role = ingestion
        host = ingestion-1
        tcp = tcp://172.30.77.51:7001
        actors
            postgres_sink
            clickhouse_sink
    ingestion-2
        like = ingestion-1
        host = ingestion-2
        tcp = tcp://172.30.77.52:7001
    ingestion-3
        like = ingestion-1
        host = ingestion-3
        tcp = tcp://172.30.77.53:7001
    reconciler
        host = reconciler
        tcp = tcp://172.30.77.42:7001
        actors
            reconciler
