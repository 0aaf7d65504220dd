"""Why each case of cases.cc must be refused, as g++ or clang++ say it."""

DELETED = r"use of deleted (function|member)|call to (implicitly-)?deleted|overload resolution selected (implicitly-)?deleted"
PRIVATE = r"is private within this context|is a private member|calling a private constructor|has private constructor"
NO_CONVERSION = r"(cannot|could not) convert|no viable conversion|no suitable|cannot initialize a variable"
NO_MATCH = r"no matching (function|constructor)|could not convert|cannot convert|no known conversion|could not bind|could not be bound"

REASONS = {
    "block_from_parts": PRIVATE,
    "block_from_nothing": PRIVATE,
    "block_from_pointer": NO_MATCH,
    "block_by_braces": PRIVATE,
    "block_copied": DELETED,
    "block_assigned": DELETED,
    "block_move_assigned": DELETED,
    "block_as_number": NO_CONVERSION,
    "block_as_pointer": NO_CONVERSION,
    "block_derived": PRIVATE,
    "block_on_heap": PRIVATE,
    "push_of_pointer": NO_MATCH,
    "push_without_giving_up": r"cannot bind rvalue reference|rvalue reference .* cannot bind to lvalue",
    "push_from_outside": PRIVATE,
    "look_at_raw_pointer": NO_MATCH,
    "second_look_at_raw_pointer": NO_MATCH,
    "wild_by_accident": r"conversion from .* to non-scalar type|no viable conversion",
    "wild_from_const": r"invalid conversion from .*const void|no matching constructor",
    "heap_copied": DELETED,
    "heap_assigned": DELETED,
    "options_copied": DELETED,
    "locked_copied": DELETED,
    "lock_copied": DELETED,
    "policy_at_run_time": r"not usable in a constant expression|is not a constant expression",
    "fault_from_number": r"(cannot|invalid) (convert|conversion|initialize).*int",
}

# push is private too; these two ask what would be if it were not.
FLAGS = {"push_of_pointer": ["-fno-access-control"],
         "push_without_giving_up": ["-fno-access-control"]}
