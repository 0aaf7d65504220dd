# What is installed beside the libraries and the command, and the Debian packages.
include(CMakePackageConfigHelpers)
set(config_folder ${CMAKE_INSTALL_LIBDIR}/cmake/hakmem)
install(EXPORT hakmem NAMESPACE hakmem:: FILE hakmem-targets.cmake DESTINATION ${config_folder} COMPONENT dev)
configure_package_config_file(cmake/hakmem-config.cmake.in ${PROJECT_BINARY_DIR}/hakmem-config.cmake
  INSTALL_DESTINATION ${config_folder} NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/hakmem-config-version.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/hakmem-config.cmake ${PROJECT_BINARY_DIR}/hakmem-config-version.cmake
  DESTINATION ${config_folder} COMPONENT dev)
file(RELATIVE_PATH pc_to_prefix /p/${CMAKE_INSTALL_LIBDIR}/pkgconfig /p)
configure_file(cmake/hakmem.pc.in ${PROJECT_BINARY_DIR}/hakmem.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/hakmem.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT dev)

# gdb looks for the script of a library under its full name below its own folder, so the prefix of the
# installation is a part of the path.
foreach(library IN ITEMS lib debug)
  set(name libhakmem)
  if(library STREQUAL "debug")
    set(name libhakmem-debug)
  endif()
  install(CODE "file(INSTALL DESTINATION
    \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_DATADIR}/gdb/auto-load\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_LIBDIR}\"
    TYPE FILE FILES \"${PROJECT_SOURCE_DIR}/tools/gdb/hakmem-gdb.py\"
    RENAME ${name}.so.${PROJECT_VERSION}-gdb.py)" COMPONENT ${library})
endforeach()

set(packages lib dev)
if(HAKMEM_TOOLS)
  list(APPEND packages debug tools)
endif()
set(package_name_lib libhakmem0)
set(package_name_debug libhakmem-debug0)
set(package_name_dev libhakmem-dev)
set(package_name_tools hakmem)
set(package_section_lib libs)
set(package_section_debug libs)
set(package_section_dev libdevel)
set(package_section_tools devel)
set(package_about_lib "hardened malloc, shared library
 Replaces malloc when it is preloaded or linked, and stops misuse of the heap
 at the call, with a report.")
set(package_about_debug "hardened malloc, Debug library
 The same allocator with exact sizes and the stacks of allocation and free in
 its reports. For test runs.")
set(package_about_dev "hardened malloc, development files
 The header, the static library, and the files that CMake and pkg-config read.")
set(package_about_tools "hardened malloc, command
 Runs, checks, records and replays programs on the hardened malloc, and shows
 its reports and the heap of running processes.")

set(HAKMEM_PACKAGE_CONTACT "hakmem developers <hakmem@example.org>" CACHE STRING
  "Maintainer of the Debian packages, as NAME <ADDRESS>")
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME hakmem)
set(CPACK_PACKAGE_VENDOR hakmem)
set(CPACK_PACKAGE_CONTACT "${HAKMEM_PACKAGE_CONTACT}")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "hardened malloc")
set(CPACK_PACKAGE_DIRECTORY ${PROJECT_BINARY_DIR}/packages)
set(CPACK_SET_DESTDIR ON)
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_COMPONENTS_ALL ${packages})
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${PROJECT_BINARY_DIR})
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)

# Debian wants a copyright file, a compressed changelog, and the loader told of new libraries.
set(debian ${PROJECT_BINARY_DIR}/debian)
file(READ LICENSE license)
string(REGEX REPLACE "\n\n" "\n.\n" license "${license}")
string(REGEX REPLACE "\n([^\n])" "\n \\1" license "${license}")
file(CONFIGURE OUTPUT ${debian}/copyright @ONLY CONTENT
"Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: hakmem

Files: *
Copyright: the hakmem developers
License: Expat
 @license@
")
file(CONFIGURE OUTPUT ${debian}/changelog @ONLY CONTENT
"hakmem (@PROJECT_VERSION@) unstable; urgency=medium

  * See CHANGELOG.md.

 -- @HAKMEM_PACKAGE_CONTACT@  Thu, 01 Jan 2026 00:00:00 +0000
")
file(CONFIGURE OUTPUT ${debian}/triggers CONTENT "activate-noawait ldconfig\n")
execute_process(COMMAND gzip -9 -n -f -k ${debian}/changelog)
foreach(component IN LISTS packages)
  string(TOUPPER ${component} upper)
  set(folder ${CMAKE_INSTALL_DATADIR}/doc/${package_name_${component}})
  install(FILES ${debian}/copyright ${debian}/changelog.gz DESTINATION ${folder} COMPONENT ${component})
  set(CPACK_DEBIAN_${upper}_PACKAGE_NAME ${package_name_${component}})
  set(CPACK_DEBIAN_${upper}_PACKAGE_SECTION ${package_section_${component}})
  set(CPACK_COMPONENT_${upper}_DESCRIPTION "${package_about_${component}}")
endforeach()
set(CPACK_DEBIAN_LIB_PACKAGE_CONTROL_EXTRA ${debian}/triggers)
set(CPACK_DEBIAN_DEBUG_PACKAGE_CONTROL_EXTRA ${debian}/triggers)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_DEV_PACKAGE_DEPENDS "libhakmem0 (= ${PROJECT_VERSION})")
set(CPACK_DEBIAN_TOOLS_PACKAGE_DEPENDS "libhakmem0 (= ${PROJECT_VERSION}), libhakmem-debug0 (= ${PROJECT_VERSION})")
set(CPACK_DEBIAN_TOOLS_PACKAGE_SUGGESTS "binutils")
include(CPack)
