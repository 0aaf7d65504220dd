#include "profile.h"

#include <fmt/core.h>
#include <stdlib.h>

#include <algorithm>
#include <map>
#include <sstream>

namespace hak::cli {
namespace {

struct Mapping {
  unsigned long from, to, offset;
  std::string path;
};

bool parse_site(const std::string& line, Site* site) {
  const auto at = line.find("] @");
  if (at == std::string::npos) return false;
  if (sscanf(line.c_str(), "%lu: %lu [", &site->blocks, &site->bytes) != 2) return false;
  std::istringstream words(line.substr(at + 3));
  for (std::string word; words >> word;) {
    if (word.rfind("0x", 0) != 0) return false;
    Frame frame;
    frame.address = word;
    site->stack.push_back(frame);
  }
  return true;
}

bool parse_mapping(const std::string& line, Mapping* mapping) {
  char permissions[8];
  int at = 0;
  if (sscanf(line.c_str(), "%lx-%lx %7s %lx %*s %*s %n", &mapping->from, &mapping->to, permissions,
             &mapping->offset, &at) < 4)
    return false;
  if (at == 0 || static_cast<std::size_t>(at) >= line.size() || line[static_cast<std::size_t>(at)] != '/')
    return false;
  mapping->path = line.substr(static_cast<std::size_t>(at));
  return true;
}

void place(Frame* frame, const std::vector<Mapping>& mappings) {
  const unsigned long address = strtoul(frame->address.c_str(), nullptr, 16);
  for (const Mapping& mapping : mappings) {
    if (address < mapping.from || address >= mapping.to) continue;
    frame->module = mapping.path;
    frame->offset = fmt::format("{:#x}", address - mapping.from + mapping.offset);
    return;
  }
}

/// The same in every process that runs the same program.
std::string place_of(const Site& site) {
  std::string place;
  for (const Frame& frame : site.stack)
    place += (frame.module.empty() ? frame.address : frame.module + '+' + frame.offset) + ' ';
  return place;
}

/// Each place once, with blocks, most bytes first.
std::vector<Site> merged(const std::vector<Site>& sites) {
  std::map<std::string, Site> by_place;
  for (const Site& site : sites) {
    Site& sum = by_place.try_emplace(place_of(site), Site{0, 0, site.stack}).first->second;
    sum.blocks += site.blocks;
    sum.bytes += site.bytes;
  }
  std::vector<Site> list;
  for (const auto& [place, site] : by_place)
    if (site.blocks) list.push_back(site);
  std::stable_sort(list.begin(), list.end(), [](const Site& a, const Site& b) { return a.bytes > b.bytes; });
  return list;
}

}  // namespace

std::vector<Site> parse_profile(const std::string& text) {
  std::vector<Site> sites;
  std::vector<Mapping> mappings;
  std::size_t first = 0;  // of the present profile
  const auto place_all = [&] {
    for (; first < sites.size(); ++first)
      for (Frame& frame : sites[first].stack) place(&frame, mappings);
    mappings.clear();
  };
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    Site site;
    Mapping mapping;
    if (line.rfind("heap profile:", 0) == 0) {
      place_all();
    } else if (parse_site(line, &site)) {
      sites.push_back(site);
    } else if (parse_mapping(line, &mapping)) {
      mappings.push_back(mapping);
    }
  }
  place_all();
  return merged(sites);
}

std::vector<Site> without(std::vector<Site> sites, const std::vector<Site>& others) {
  std::map<std::string, const Site*> taken;
  for (const Site& other : others) taken[place_of(other)] = &other;
  for (Site& site : sites) {
    const auto found = taken.find(place_of(site));
    if (found == taken.end()) continue;
    site.blocks -= std::min(site.blocks, found->second->blocks);
    site.bytes -= std::min(site.bytes, found->second->bytes);
  }
  return merged(sites);
}

}  // namespace hak::cli
