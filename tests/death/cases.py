"""Which setup must give which fault, through which calls."""

ALL = ["free", "cfree", "realloc", "realloc_zero", "reallocarray", "malloc_usable_size", "free_sized",
       "free_aligned_sized", "delete", "delete_nothrow", "delete_sized", "delete_aligned",
       "delete_aligned_nothrow", "delete_sized_aligned", "array", "array_nothrow", "array_sized",
       "array_aligned", "array_aligned_nothrow", "array_sized_aligned", "remote_free",
       "remote_realloc", "remote_delete"]
ENDING = [call for call in ALL if call != "malloc_usable_size"]
SIZED = [call for call in ALL if "sized" in call or call == "remote_delete"]
SIZED_AND_ALIGNED = [call for call in SIZED if "aligned" in call]
REMOTE = [call for call in ALL if call.startswith("remote_")]
# Starting a thread allocates, which may use what was just given back.
LOCAL = [call for call in ALL if call not in REMOTE]

# test -> [(setup, fault, calls)]
CASES = {
    "double_free": [("double_free", "double-free", ALL),
                    ("double_free_large", "double-free", ALL),
                    ("double_free_after_others", "double-free", ALL),
                    ("freed_by_thread", "double-free", ALL)],
    "interior": [("interior", "interior-pointer", ALL),
                 ("interior_large", "interior-pointer", ALL)],
    "misaligned": [("misaligned", "misaligned-pointer", ALL),
                   ("misaligned_by_one", "misaligned-pointer", ALL),
                   ("misaligned_large", "misaligned-pointer", ALL)],
    "foreign": [("foreign_stack", "foreign-pointer", ALL),
                ("foreign_global", "foreign-pointer", ALL),
                ("foreign_mapping", "foreign-pointer", ALL),
                ("foreign_small", "foreign-pointer", ALL),
                ("foreign_kernel", "foreign-pointer", ALL),
                ("foreign_misaligned", "foreign-pointer", ALL)],
    "never_allocated": [("never_carved", "never-allocated", ALL),
                        ("never_committed", "never-allocated", ALL)],
    "freed_memory": [("freed_memory", "freed-memory", LOCAL),
                     ("freed_memory_large", "freed-memory", LOCAL)],
    "corrupt_header": [("corrupt_header", "corrupt-header", ALL),
                       ("zeroed_header", "corrupt-header", ALL)],
    # Asking for the size neither ends the block nor needs what is behind it.
    "overflow": [("overflow", "overflow", ENDING),
                 ("overflow_by_many", "overflow", ENDING)],
    "size_mismatch": [("size_mismatch", "size-mismatch", SIZED),
                      ("size_too_small", "size-mismatch", SIZED),
                      ("size_mismatch_large", "size-mismatch", SIZED)],
    "alignment_mismatch": [("alignment_mismatch", "alignment-mismatch", SIZED_AND_ALIGNED),
                           ("alignment_mismatch_large", "alignment-mismatch", SIZED_AND_ALIGNED)],
}
FAMILIES = [("api_mismatch", "new-delete-mismatch", ENDING),
            ("api_mismatch_array", "new-delete-mismatch", ENDING)]

# test -> [(what the program does, whether the report names its block)]
SAMPLED = {
    "underflow": [("underflow", True)],
    "out_of_bounds": [("out_of_bounds", True), ("large_behind", True), ("large_before", True)],
    "use_after_free": [("use_after_free", True), ("use_after_free_thread", True)],
}

# Setups whose pointer lies in no block that still exists.
NO_BLOCK = {"foreign_stack", "foreign_global", "foreign_mapping", "foreign_small", "foreign_kernel",
            "foreign_misaligned", "never_carved", "never_committed", "freed_memory",
            "freed_memory_large"}
LARGE = {"double_free_large", "interior_large", "misaligned_large", "size_mismatch_large",
         "alignment_mismatch_large"}
