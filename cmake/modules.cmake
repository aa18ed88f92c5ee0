# pgsteer_module(NAME [MODULES ...] [LIBRARIES ...]): one static library per module, named
# pgsteer_<NAME>, from every .cpp in the calling folder. MODULES are the pgsteer modules it may include
# (the same table is enforced on the #include lines by tests/tidy); LIBRARIES are third-party targets.
function(pgsteer_module name)
  cmake_parse_arguments(arg "" "" "MODULES;LIBRARIES" ${ARGN})
  list(TRANSFORM arg_MODULES PREPEND pgsteer_)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  add_library(pgsteer_${name} STATIC ${sources})
  target_include_directories(pgsteer_${name} PRIVATE ${PROJECT_SOURCE_DIR}/src)
  target_link_libraries(pgsteer_${name} PUBLIC pgsteer_flags ${arg_MODULES} ${arg_LIBRARIES})
endfunction()
