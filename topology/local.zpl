# Shunt on one machine: every role and every store, each store a real server in a private instance.
#
#     shunt check topology/local.zpl      all mistakes at once
#     shunt graph --format svg            the same as a picture
#     shunt up                            start it
#
# The language is ZPL: sections by indentation, four spaces a level. What is not said has its default; `shunt console show
# actor NODE/ACTOR` lists all options of an actor with their values and what they mean. README.md beside this file has the words.

platform
    name = shunt
    url = http://127.0.0.1:8080         # where users reach it; short links are made of it
    log = info                          # debug, info, warn or error

# ------------------------------------------------------------------------------------------------------------- stores
# Ports are not the servers' usual ones, so that they live beside what a developer may already run. Passwords are made at
# the first start and lie in DATA/secrets/, never here.

stores
    db                                  # links, their counters, the marks of what was counted
        kind = postgres
        port = 7432

    redis                               # copies of links for quick redirects; clicks on their way to Kafka
        kind = redis
        port = 7379

    redis-replica                       # answers reads while redis is away
        like = redis
        port = 7380
        replica_of = redis
        password = secret:redis
        after = redis

    # Short codes come in blocks out of two servers that share nothing: each gives out every other block, so losing
    # either one never repeats a code.
    keygen-redis-primary
        kind = redis
        port = 7381
        options
            appendfsync = always        # leases are rare, and a forgotten one would be given twice

    keygen-redis-secondary
        kind = redis
        port = 7382
        options
            appendfsync = always

    kafka                               # every click, for as long as the databases may need it again
        kind = kafka
        port = 7092
        extra_port = 7093               # its controller

    clickhouse                          # one row a click, for questions nobody has thought of yet
        kind = clickhouse
        port = 7123                     # HTTP
        extra_port = 7124               # its native protocol

    prometheus                          # what all figures were over time: http://127.0.0.1:9090
        kind = prometheus
        port = 9090
        targets = http://127.0.0.1:8081/targets

# -------------------------------------------------------------------------------------------------------------- kinds
# What holds for all actors of a kind. An actor's own section wins over it.

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

    edge
        redis = redis                   # only for limits of requests, when they are set

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
# A node is a process. It starts once all that it comes `after` are up, and stops before they do.

nodes
    config                              # settings, changed live; and the tables of both databases
        after = db
        actors
            config
            operator                    # metrics of every node, Prometheus' targets, a status page
                listen = 127.0.0.1:8081
            stores                      # their own figures, for the metrics
                names = "db redis redis-replica keygen-redis-primary keygen-redis-secondary kafka clickhouse"
            schema                      # is up when the tables are what this program expects; last, so that nobody here
                                        # waits for a database that is away

    id-allocator                        # row ids in blocks, and a fresh epoch for each start of a producer of clicks
        after = db, config
        actors
            id_allocator

    keygen                              # short codes in blocks that cannot be guessed from their neighbours
        after = keygen-redis-primary, keygen-redis-secondary, db, config
        actors
            keygen

    app1                                # shorten, resolve, statistics, edits: whatever is asked of links
        role = app
        after = db, redis, keygen, id-allocator
        actors
            links
    app2
        like = app1
    app3
        like = app1

    edge                                # where HTTP enters; spreads over the app nodes, remembers hot links, captures clicks
        after = redis, id-allocator, app1, app2, app3
        actors
            kafka_bridge                # brings committed clicks to Kafka, in order
            click_buffer                # commits each turn's clicks before their redirects leave
                thread = front
            edge
                thread = front
                listen = 127.0.0.1:8080

    cache-warmer                        # keeps the most-clicked links in Redis
        after = db, redis, config
        actors
            cache_warmer

    ingestion-1                         # counts clicks into Postgres and copies them into ClickHouse, each at its own pace
        role = ingestion
        after = db, kafka, clickhouse, config
        actors
            postgres_sink
            clickhouse_sink
    ingestion-2
        like = ingestion-1
    ingestion-3
        like = ingestion-1

    reconciler                          # proves the counts, daily and on demand
        after = db, kafka, clickhouse, config
        actors
            reconciler
