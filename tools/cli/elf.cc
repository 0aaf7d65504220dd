#include "elf.h"

#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace hak::cli {
namespace {

class File {
 public:
  explicit File(const std::string& path) {
    const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    struct stat about;
    if (fd < 0) return;
    if (fstat(fd, &about) == 0 && S_ISREG(about.st_mode) && about.st_size > 0) {
      size_ = static_cast<std::size_t>(about.st_size);
      void* at = mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, fd, 0);
      data_ = at == MAP_FAILED ? nullptr : static_cast<const char*>(at);
    }
    close(fd);
  }
  ~File() {
    if (data_) munmap(const_cast<char*>(data_), size_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  /// `count` objects at an offset; null if they are not all in the file.
  template <typename T>
  const T* at(unsigned long offset, unsigned long count = 1) const {
    if (!data_ || offset > size_ || count > (size_ - offset) / sizeof(T)) return nullptr;
    return reinterpret_cast<const T*>(data_ + offset);
  }
  /// A string that ends inside the file.
  const char* text(unsigned long offset) const {
    return data_ && offset < size_ && memchr(data_ + offset, 0, size_ - offset) ? data_ + offset : nullptr;
  }

 private:
  const char* data_ = nullptr;
  std::size_t size_ = 0;
};

bool lowest_address(const File& file, const Elf64_Ehdr& header, unsigned long* lowest) {
  const auto* segments = file.at<Elf64_Phdr>(header.e_phoff, header.e_phnum);
  if (!segments) return false;
  for (unsigned i = 0; i < header.e_phnum; ++i) {
    if (segments[i].p_type != PT_LOAD) continue;
    *lowest = segments[i].p_vaddr;
    return true;
  }
  return false;
}

}  // namespace

bool find_symbol(const std::string& path, const char* name, unsigned long* distance) {
  const File file(path);
  const auto* header = file.at<Elf64_Ehdr>(0);
  if (!header || memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 || header->e_ident[EI_CLASS] != ELFCLASS64)
    return false;
  const auto* sections = file.at<Elf64_Shdr>(header->e_shoff, header->e_shnum);
  unsigned long lowest = 0;
  if (!sections || !lowest_address(file, *header, &lowest)) return false;
  for (unsigned i = 0; i < header->e_shnum; ++i) {
    const Elf64_Shdr& section = sections[i];
    if (section.sh_type != SHT_DYNSYM && section.sh_type != SHT_SYMTAB) continue;
    if (section.sh_link >= header->e_shnum) continue;
    const unsigned long count = section.sh_size / sizeof(Elf64_Sym);
    const auto* symbols = file.at<Elf64_Sym>(section.sh_offset, count);
    for (unsigned long s = 0; symbols && s < count; ++s) {
      if (symbols[s].st_shndx == SHN_UNDEF) continue;
      const char* text = file.text(sections[section.sh_link].sh_offset + symbols[s].st_name);
      if (!text || strcmp(text, name) != 0) continue;
      *distance = symbols[s].st_value - lowest;
      return true;
    }
  }
  return false;
}

}  // namespace hak::cli
