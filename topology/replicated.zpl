# Shunt with a replica of each store that answers reads: whichever server is lost, links go on being found.
#
#     shunt up topology/replicated.zpl
#
# What local.zpl has and says is not said again here: fewer nodes, and a PostgreSQL that follows db by streaming replication.
# While db is away links are looked up in db-replica; what writes is refused with 503 or waits. Nothing here makes a replica
# a primary: that is the operator's decision, or their tool's (Patroni, Sentinel ...). README.md says how such stores are named.

platform
    name = shunt
    url = http://127.0.0.1:8080
    log = info

stores
    db
        kind = postgres
        port = 7432

    db-replica                          # answers reads while db is away
        like = db
        port = 7433
        replica_of = db
        password = secret:db
        after = db

    redis
        kind = redis
        port = 7379

    redis-replica
        like = redis
        port = 7380
        replica_of = redis
        password = secret:redis
        after = redis

    keygen-redis-primary
        kind = redis
        port = 7381
        options
            appendfsync = always

    keygen-redis-secondary
        kind = redis
        port = 7382
        options
            appendfsync = always

    kafka
        kind = kafka
        port = 7092
        extra_port = 7093

    clickhouse
        kind = clickhouse
        port = 7123
        extra_port = 7124

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
        postgres_replica = db-replica
        redis = redis
        redis_replica = redis-replica

    edge
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

nodes
    config
        after = db
        actors
            config
            operator
                listen = 127.0.0.1:8081
            schema

    id-allocator
        after = db, config
        actors
            id_allocator

    keygen
        after = keygen-redis-primary, keygen-redis-secondary, db, config
        actors
            keygen

    app1
        role = app
        after = db, redis, keygen, id-allocator
        actors
            links
    app2
        like = app1

    edge
        after = redis, id-allocator, app1, app2
        actors
            kafka_bridge
            click_buffer
                thread = front
            edge
                thread = front
                listen = 127.0.0.1:8080

    ingestion-1
        role = ingestion
        after = db, kafka, clickhouse, config
        actors
            postgres_sink
            clickhouse_sink
    ingestion-2
        like = ingestion-1

    reconciler
        after = db, kafka, clickhouse, config
        actors
            reconciler
