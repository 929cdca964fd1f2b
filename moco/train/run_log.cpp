// The lines' fields, and writing that survives a kill: whole lines first, then the checkpoint that counts them.
#include "moco/train/run_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/error.h"

namespace moco {
namespace {

using Json = nlohmann::ordered_json;

void add_values(Json& line, const std::vector<ValueName>& names, const std::vector<double>& values) {
    for (size_t i = 0; i < names.size(); ++i) line[names[i].name] = values[i];
}

void add_evaluation(Json& line, const EvaluationReport& report) {
    for (const Measurement& measurement : report.values) line[measurement.name] = measurement.value;
}

/// Where line number `lines` ends in the file, in bytes.
int64_t end_of_line(const std::filesystem::path& path, int64_t lines) {
    std::ifstream file(path, std::ios::binary);
    int64_t bytes = 0, found = 0;
    for (std::string line; found < lines && std::getline(file, line) && !file.eof(); ++found) {
        bytes += static_cast<int64_t>(line.size()) + 1;
    }
    check(found == lines,
          "{} has {} whole lines, but the checkpoint counts {}; it was changed or belongs to another run",
          path.string(), found, lines);
    return bytes;
}

}  // namespace

RunLog::RunLog(std::filesystem::path path, int64_t lines) : path_(std::move(path)), lines_(lines) {
    const int64_t bytes = lines > 0 ? end_of_line(path_, lines) : 0;
    file_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    const bool ready = file_ >= 0 && ::ftruncate(file_, bytes) == 0;
    if (!ready) {
        const int error_number = errno;
        if (file_ >= 0) ::close(file_);
        fail("{} cannot be written: {}", path_.string(), std::strerror(error_number));
    }
}

RunLog::~RunLog() {
    ::close(file_);
}

void RunLog::write_line(const std::string& json) {
    const std::string line = json + '\n';
    for (size_t written = 0; written < line.size();) {
        const ssize_t count = ::write(file_, line.data() + written, line.size() - written);
        if (count < 0 && errno == EINTR) continue;
        check(count >= 0, "{} cannot be written: {}", path_.string(), std::strerror(errno));
        written += static_cast<size_t>(count);
    }
    ++lines_;
}

void RunLog::flush() {
    // Where there is nothing to flush to (a pipe, some network file systems) EINVAL is no failure.
    check(::fsync(file_) == 0 || errno == EINVAL || errno == EROFS, "{} cannot be written: {}", path_.string(),
          std::strerror(errno));
}

void RunLog::baselines(const EvaluationReport& report) {
    Json line = {{"type", "baselines"}};
    add_evaluation(line, report);
    line["seconds"] = report.seconds;
    write_line(line.dump());
}

void RunLog::step_done(const StepReport& report) {
    if (!report.logged) return;
    Json line = {{"type", "step"}, {"epoch", report.epoch}, {"step", report.step}};
    add_values(line, values_, report.values);
    line["lr"] = report.lr;
    line["images_per_s"] = report.images_per_s;
    write_line(line.dump());
}

void RunLog::unreadable(int64_t epoch, int64_t step, const Unreadable& image) {
    write_line(Json{{"type", "unreadable"},
                    {"epoch", epoch},
                    {"step", step},
                    {"path", image.path},
                    {"reason", image.reason},
                    {"replaced_by", image.replaced_by}}
                   .dump(-1, ' ', false, Json::error_handler_t::replace));
}

void RunLog::diagnosed(const DiagnosticsReport& report) {
    Json line = {{"type", "diagnostics"}, {"epoch", report.epoch}, {"step", report.step}};
    for (const Measurement& measurement : report.values) line[measurement.name] = measurement.value;
    for (const Series& series : report.series)
        line[series.name] = {{series.at_name, series.at}, {"values", series.values}};
    for (const Histogram& histogram : report.histograms)
        line[histogram.name] = {{"low", histogram.low}, {"high", histogram.high}, {"counts", histogram.counts}};
    write_line(line.dump());
}

void RunLog::alarmed(int64_t epoch, int64_t step, const Alarm& alarm) {
    write_line(
        Json{{"type", "alarm"}, {"epoch", epoch}, {"step", step}, {"alarm", alarm.name}, {"text", alarm.text}}.dump());
}

void RunLog::epoch_done(const EpochReport& report) {
    Json line = {{"type", "epoch"}, {"epoch", report.epoch}, {"step", report.step}};
    add_values(line, values_, report.values);
    line["lr"] = report.lr;
    line["skipped_images"] = report.skipped_images;
    if (report.evaluation) add_evaluation(line, *report.evaluation);
    line["images_per_s"] = report.images_per_s;
    line["waited_s"] = report.waited_s;
    line["seconds"] = report.seconds;
    write_line(line.dump());
}

}  // namespace moco
