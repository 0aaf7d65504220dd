# The gate for policies A and D: they are compiled on where evidence/record.json holds for exactly
# these sources. Decided in every build by evidence_gate.cmake, so that an edit of a source switches
# them off without a new configuration.
set(HAKMEM_EVIDENCE AUTO CACHE STRING
    "Policies A and D: AUTO follows the evidence, REQUIRE stops without it, OFF leaves them off")
set_property(CACHE HAKMEM_EVIDENCE PROPERTY STRINGS AUTO REQUIRE OFF)
if(NOT HAKMEM_EVIDENCE MATCHES "^(AUTO|REQUIRE|OFF)$")
  message(FATAL_ERROR "HAKMEM_EVIDENCE=${HAKMEM_EVIDENCE} is not AUTO, REQUIRE or OFF")
endif()

set(HAKMEM_EVIDENCE_DIR ${PROJECT_BINARY_DIR}/evidence)
set(evidence_gate ${CMAKE_COMMAND} -DSOURCE_DIR=${PROJECT_SOURCE_DIR}
  -DHEADER=${HAKMEM_EVIDENCE_DIR}/hakmem_evidence.h)

# The header exists from here on; the verdict of a build is that build's own.
execute_process(COMMAND ${evidence_gate} -DMODE=${HAKMEM_EVIDENCE} -DQUIET=ON
  -P ${PROJECT_SOURCE_DIR}/cmake/evidence_gate.cmake)
add_custom_target(hakmem_evidence
  COMMAND ${evidence_gate} -DMODE=${HAKMEM_EVIDENCE}
    -P ${PROJECT_SOURCE_DIR}/cmake/evidence_gate.cmake
  BYPRODUCTS ${HAKMEM_EVIDENCE_DIR}/hakmem_evidence.h
  COMMENT "" VERBATIM)

# Whatever includes policy.h must see the verdict, and not before it is known.
function(hakmem_sees_evidence target)
  target_include_directories(${target} PRIVATE ${HAKMEM_EVIDENCE_DIR})
  add_dependencies(${target} hakmem_evidence)
endfunction()
