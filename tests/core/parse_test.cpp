// Numbers from text: what is one, and that doubles are read as std::from_chars reads them.
#include "core/parse.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string_view>

namespace moco {
namespace {

TEST(Parse, ReadsIntegers) {
    EXPECT_EQ(parse_number<int64_t>("-120"), -120);
    EXPECT_EQ(parse_number<uint64_t>("18446744073709551615"), std::numeric_limits<uint64_t>::max());
    for (const char* text : {"", "1.5", "12x", " 1", "+1", "9223372036854775808"})
        EXPECT_EQ(parse_number<int64_t>(text), std::nullopt) << text;
}

TEST(Parse, ReadsDoublesAsFromCharsDoes) {
    using namespace std::literals;
    for (const std::string_view text : {"0"sv,
                                        "-0"sv,
                                        ".5"sv,
                                        "5."sv,
                                        "0.1"sv,
                                        "-1e-3"sv,
                                        "1E5"sv,
                                        "0.30000000000000004"sv,
                                        "5e-324"sv,
                                        "2.5e-310"sv,
                                        "1.7976931348623157e308"sv,
                                        "inf"sv,
                                        "-infinity"sv,
                                        "1e400"sv,
                                        "-1e400"sv,
                                        "1e-400"sv,
                                        ""sv,
                                        "-"sv,
                                        "."sv,
                                        "+1"sv,
                                        " 1"sv,
                                        "\t1"sv,
                                        "1 "sv,
                                        "- 1"sv,
                                        "-+1"sv,
                                        "1,5"sv,
                                        "1e"sv,
                                        "1e+"sv,
                                        "0x10"sv,
                                        "-0X1p3"sv,
                                        "in"sv,
                                        "abc"sv,
                                        "1\0"sv,
                                        "0.1.2"sv}) {
        double value = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
        const bool valid = error == std::errc() && end == text.data() + text.size();
        const std::optional<double> parsed = parse_number<double>(text);
        ASSERT_EQ(parsed.has_value(), valid) << text;
        if (valid) {
            EXPECT_EQ(*parsed, value) << text;
            EXPECT_EQ(std::signbit(*parsed), std::signbit(value)) << text;
        }
    }
    EXPECT_TRUE(std::isnan(parse_number<double>("nan").value()));
}

}  // namespace
}  // namespace moco
