// The event format, by hand: five fields of Event, three of Summary.Value.
//
//     Event          { double wall_time = 1; int64 step = 2; string file_version = 3; Summary summary = 5;
//                      SessionLog session_log = 7; }
//     Summary        { repeated Value value = 1; }
//     Summary.Value  { string tag = 1; float simple_value = 2; HistogramProto histo = 5; }
//     HistogramProto { double min = 1, max = 2, num = 3, sum = 4, sum_squares = 5; repeated double bucket_limit = 6,
//                      bucket = 7; }
//     SessionLog     { enum status = 1; }    START is 1
#include "moco/train/tensorboard.h"

#include <unistd.h>

#include <bit>
#include <chrono>

#include "core/bits.h"
#include "core/crc32c.h"
#include "core/error.h"

namespace moco {
namespace {

double now() {
    return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

// Numbers are little endian in records and in protobuf's fixed-width fields.
template <typename T>
void append_fixed(std::string& out, T value) {
    for (size_t i = 0; i < sizeof(T); ++i) out.push_back(static_cast<char>(value >> (8 * i)));
}

void append_varint(std::string& out, uint64_t value) {
    for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
    out.push_back(static_cast<char>(value));
}

enum WireType : uint64_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

void append_key(std::string& out, uint64_t field, WireType type) {
    append_varint(out, field << 3 | type);
}

void append_double(std::string& out, uint64_t field, double value) {
    append_key(out, field, kFixed64);
    append_fixed(out, bit_cast<uint64_t>(value));
}

void append_float(std::string& out, uint64_t field, float value) {
    append_key(out, field, kFixed32);
    append_fixed(out, bit_cast<uint32_t>(value));
}

void append_int(std::string& out, uint64_t field, int64_t value) {
    append_key(out, field, kVarint);
    append_varint(out, static_cast<uint64_t>(value));
}

void append_bytes(std::string& out, uint64_t field, std::string_view bytes) {
    append_key(out, field, kBytes);
    append_varint(out, bytes.size());
    out += bytes;
}

}  // namespace

uint32_t masked_crc32c(std::string_view bytes) {
    return std::rotr(crc32c(bytes), 15) + 0xa282ead8u;
}

EventWriter::EventWriter(const std::filesystem::path& folder)
    : path_(folder / fmt::format("events.out.tfevents.{:010}.moco.{}", static_cast<int64_t>(now()), ::getpid())),
      file_(path_, std::ios::binary | std::ios::app) {
    check(file_.is_open(), "{} cannot be written", path_.string());
    std::string version;
    append_double(version, 1, now());
    append_bytes(version, 3, "brain.Event:2");
    write_record(version);
    flush();
}

void EventWriter::write_record(const std::string& event) {
    std::string length;
    append_fixed(length, static_cast<uint64_t>(event.size()));
    std::string record = length;
    append_fixed(record, masked_crc32c(length));
    record += event;
    append_fixed(record, masked_crc32c(event));
    file_.write(record.data(), static_cast<std::streamsize>(record.size()));
}

void EventWriter::scalar(std::string_view tag, int64_t step, double value) {
    std::string point;
    append_bytes(point, 1, tag);
    append_float(point, 2, static_cast<float>(value));
    write_point(step, point);
}

void EventWriter::histogram(int64_t step, const Histogram& histogram) {
    std::string limits, counts, numbers, point;
    const double width = (histogram.high - histogram.low) / static_cast<double>(histogram.counts.size());
    double count = 0;
    for (size_t i = 0; i < histogram.counts.size(); ++i) {
        append_fixed(limits, bit_cast<uint64_t>(histogram.low + width * static_cast<double>(i + 1)));
        append_fixed(counts, bit_cast<uint64_t>(static_cast<double>(histogram.counts[i])));
        count += static_cast<double>(histogram.counts[i]);
    }
    append_double(numbers, 1, histogram.least);
    append_double(numbers, 2, histogram.most);
    append_double(numbers, 3, count);
    append_double(numbers, 4, histogram.sum);
    append_double(numbers, 5, histogram.sum_of_squares);
    append_bytes(numbers, 6, limits);
    append_bytes(numbers, 7, counts);
    append_bytes(point, 1, histogram.tag);
    append_bytes(point, 5, numbers);
    write_point(step, point);
}

void EventWriter::write_point(int64_t step, const std::string& point) {
    std::string summary, event;
    append_bytes(summary, 1, point);
    append_double(event, 1, now());
    append_int(event, 2, step);
    append_bytes(event, 5, summary);
    write_record(event);
}

void EventWriter::session_starts(int64_t step) {
    std::string session, event;
    append_int(session, 1, 1);
    append_double(event, 1, now());
    append_int(event, 2, step);
    append_bytes(event, 7, session);
    write_record(event);
}

void EventWriter::flush() {
    check(static_cast<bool>(file_.flush()), "{} cannot be written; is the disk full?", path_.string());
}

void TensorBoard::values(const std::string& group, int64_t at, const std::vector<double>& values) {
    for (size_t i = 0; i < values_.size(); ++i) events_.scalar(group + values_[i].name, at, values[i]);
}

void TensorBoard::run_starts(const RunPlan& plan) {
    values_ = plan.values;
    events_.session_starts(plan.first_step);
    events_.flush();
}

void TensorBoard::step_done(const StepReport& report) {
    if (!report.logged) return;
    values("train/", report.step, report.values);
    events_.scalar("train/lr", report.step, report.lr);
    events_.scalar("train/images_per_s", report.step, report.images_per_s);
    events_.flush();
}

void TensorBoard::diagnosed(const DiagnosticsReport& report) {
    for (const Measurement& m : report.values) events_.scalar(m.tag, report.step, m.value);
    for (const Series& series : report.series) {
        if (series.tag.empty()) continue;
        for (size_t i = 0; i < series.at.size(); ++i)
            events_.scalar(fmt::format("{}/{}", series.tag, series.at[i]), report.step, series.values[i]);
    }
    for (const Histogram& histogram : report.histograms) events_.histogram(report.step, histogram);
}

void TensorBoard::epoch_done(const EpochReport& report) {
    values("epoch/", report.epoch, report.values);
    if (!report.evaluation) return;
    for (const Measurement& m : report.evaluation->values) events_.scalar(m.tag, report.epoch, m.value);
}

}  // namespace moco
