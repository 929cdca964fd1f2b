#include "moco/interchange/renamed_file.h"

#include "core/error.h"

namespace moco {

RenamedFile::RenamedFile(std::shared_ptr<const TensorFile> file, const std::map<std::string, std::string>& names)
    : file_(std::move(file)) {
    path_ = file_->path();
    metadata_ = file_->metadata();
    std::vector<TensorEntry> entries;
    for (const TensorEntry& entry : file_->entries()) {
        const auto name = names.find(entry.name);
        if (name == names.end()) continue;
        const auto [taken, is_new] = names_in_file_.emplace(name->second, entry.name);
        check(is_new, "{}: {} and {} are both what is called {} here", path_.string(), taken->second, entry.name,
              name->second);
        entries.push_back(entry);
        entries.back().name = name->second;
    }
    set_entries(std::move(entries));
}

void RenamedFile::read(const TensorEntry& entry, void* target) const {
    file_->read(file_->at(names_in_file_.at(entry.name)), target);
}

std::string RenamedFile::called(const TensorEntry& entry) const {
    const std::string& in_file = names_in_file_.at(entry.name);
    return in_file == entry.name ? in_file : fmt::format("{} (here {})", in_file, entry.name);
}

}  // namespace moco
