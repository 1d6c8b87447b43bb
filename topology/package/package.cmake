# SPDX-License-Identifier: MIT
#
# What an installation consists of, and the Debian package: `cmake --install build/release --prefix DIR`, or
# `cpack --config build/release/CPackConfig.cmake`, which leaves shunt_VERSION_ARCHITECTURE.deb.
install(TARGETS shunt RUNTIME DESTINATION bin)
install(DIRECTORY topology/ DESTINATION share/shunt/topology USE_SOURCE_PERMISSIONS
    PATTERN setup EXCLUDE
    PATTERN package/p* EXCLUDE)
install(FILES topology/package/shunt.service topology/package/shunt-node@.service DESTINATION lib/systemd/system)
install(FILES LICENSE DESTINATION share/doc/shunt RENAME copyright)
# Kafka is no Debian package; its jars come along from a checkout that has fetched them.
install(DIRECTORY ${SHUNT_SETUP_DIR}/kafka/libs DESTINATION share/shunt/kafka OPTIONAL)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "distributed URL shortener made of actors")
set(CPACK_PACKAGE_DESCRIPTION " Short links that are created, resolved, edited and counted by supervised actors: H2O at the edge,\n"
    " Redis, Kafka, Postgres and ClickHouse behind it, each click counted exactly once.")
string(REPLACE ";" "" CPACK_PACKAGE_DESCRIPTION "${CPACK_PACKAGE_DESCRIPTION}")
set(CPACK_PACKAGE_CONTACT "Shunt's maintainers <root@localhost>")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_PACKAGE_DIRECTORY ${CMAKE_BINARY_DIR})
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_COMPRESSION_TYPE gzip) # most of it is jars, which no method makes smaller
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "passwd, util-linux")
# Servers that a topology may have Shunt run itself; one whose stores are elsewhere needs none of them.
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "redis-server, postgresql-15, clickhouse-server, openjdk-17-jre-headless, prometheus, curl")
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
    ${CMAKE_SOURCE_DIR}/topology/package/postinst
    ${CMAKE_SOURCE_DIR}/topology/package/prerm
    ${CMAKE_SOURCE_DIR}/topology/package/postrm)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
include(CPack)
