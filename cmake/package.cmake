# The Debian package: cpack --config build/release/CPackConfig.cmake. The program, its unit, a configuration and documents;
# deploy/debian has the rest. Only cpack installs the component "debian", whose paths are absolute.
set(documents share/doc/pgsteer)
install(FILES ${PROJECT_SOURCE_DIR}/deploy/systemd/pgsteer.service DESTINATION /lib/systemd/system
  COMPONENT debian EXCLUDE_FROM_ALL)
install(FILES ${PROJECT_SOURCE_DIR}/deploy/debian/pgsteer.yaml DESTINATION /etc/pgsteer COMPONENT debian EXCLUDE_FROM_ALL)
install(FILES README.md docs/operations.md docs/observability.md config/reference.yaml config/minimal.yaml
  DESTINATION ${documents} COMPONENT debian EXCLUDE_FROM_ALL)
# What is compiled in, and asks that its licence comes along.
foreach(library libcli11-dev libspdlog-dev)
  install(FILES /usr/share/doc/${library}/copyright DESTINATION ${documents} RENAME copyright.${library}
    COMPONENT debian EXCLUDE_FROM_ALL OPTIONAL)
endforeach()
# As Debian wants it, without a name or a time in it.
find_program(GZIP_PROGRAM gzip)
if(GZIP_PROGRAM AND EXISTS ${PROJECT_SOURCE_DIR}/CHANGELOG.md)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/CHANGELOG.md)
  execute_process(COMMAND ${GZIP_PROGRAM} -9nc ${PROJECT_SOURCE_DIR}/CHANGELOG.md
    OUTPUT_FILE ${PROJECT_BINARY_DIR}/changelog.gz)
  install(FILES ${PROJECT_BINARY_DIR}/changelog.gz DESTINATION ${documents} COMPONENT debian EXCLUDE_FROM_ALL)
endif()

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME pgsteer)
set(CPACK_PACKAGE_CONTACT "pgsteer's maintainers <maintainers@pgsteer.invalid>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY ${PROJECT_DESCRIPTION})
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION "\
Applications know one name: port 5432 is always the current primary of a
replicated PostgreSQL, port 5433 a healthy standby. It asks every backend who it
is, believes only proof, and moves new logins as soon as a promotion is proven.
After login a session is bytes between two sockets.")
set(CPACK_DEBIAN_PACKAGE_SECTION database)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "adduser, init-system-helpers (>= 1.54)")
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA "")
foreach(script conffiles postinst prerm postrm)
  list(APPEND CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${PROJECT_SOURCE_DIR}/deploy/debian/${script})
endforeach()
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_INSTALL_CMAKE_PROJECTS
  "${PROJECT_BINARY_DIR};pgsteer;program;/" "${PROJECT_BINARY_DIR};pgsteer;debian;/")
set(CPACK_VERBATIM_VARIABLES ON)
include(CPack)
