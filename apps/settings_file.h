// Whose fault it is where settings of a file do not work.
#pragma once

#include <string>
#include <string_view>

#include "core/error.h"
#include "moco/train/settings/layers.h"

namespace moco::apps {

/// What a sentence about settings is to say besides where they come from a file: which of those that the sentence
/// names are neither in the file nor among the flags, so that nobody gave them.
std::string word_on_file(const SettingSources& sources, const SettingTable& table, std::string_view sentence);

/// Calls `work`; an Error of it says more where there is a file.
template <typename Work>
void naming_settings_file(const SettingSources& sources, const SettingTable& table, const Work& work) {
    try {
        work();
    } catch (const Error& error) {
        if (!sources.file) throw;
        fail("{} ({})", error.what(), word_on_file(sources, table, error.what()));
    }
}

}  // namespace moco::apps
