// The opcodes of numbers, texts and bytes.
#include <cstring>

#include "core/parse.h"
#include "moco/interchange/pickle_machine.h"
#include "moco/interchange/pickle_opcodes.h"

namespace moco {
namespace {

PickleValue of_number(PickleKind kind, int64_t number) {
    PickleValue value = of_kind(kind);
    value.number = number;
    return value;
}

PickleValue of_real(double real) {
    PickleValue value = of_kind(PickleKind::real);
    value.real = real;
    return value;
}

PickleValue of_text(PickleKind kind, std::string_view text) {
    PickleValue value = of_kind(kind);
    value.text = text;
    return value;
}

/// A whole number of any length, little endian: text where it takes more than 8 bytes.
PickleValue of_long(std::string_view bytes) {
    if (bytes.size() > sizeof(int64_t)) return of_text(PickleKind::bytes, bytes);
    const bool negative = !bytes.empty() && (bytes.back() & 0x80) != 0;
    int64_t number = negative ? -1 : 0;
    std::memcpy(&number, bytes.data(), bytes.size());
    return of_number(PickleKind::integer, number);
}

}  // namespace

bool PickleMachine::literal(uint8_t opcode) {
    switch (opcode) {
        case kNone:
            push({});
            return true;
        case kTrue:
        case kFalse:
            push(of_number(PickleKind::boolean, opcode == kTrue));
            return true;
        case kBinInt:
            push(of_number(PickleKind::integer, number<int32_t>()));
            return true;
        case kBinInt1:
            push(of_number(PickleKind::integer, number<uint8_t>()));
            return true;
        case kBinInt2:
            push(of_number(PickleKind::integer, number<uint16_t>()));
            return true;
        case kInt:
        case kLong: {
            std::string_view text = line();
            if (text == "00" || text == "01") {
                push(of_number(PickleKind::boolean, text == "01"));
                return true;
            }
            if (text.ends_with('L')) text.remove_suffix(1);
            const std::optional<int64_t> parsed = parse_number<int64_t>(std::string(text));
            expect(parsed.has_value(), "the pickle is damaged: '{}' is no whole number", text.substr(0, 40));
            push(of_number(PickleKind::integer, *parsed));
            return true;
        }
        case kLong1:
            push(of_long(take(number<uint8_t>())));
            return true;
        case kLong4: {
            const auto size = number<int32_t>();
            expect(size >= 0, "the pickle is damaged: a number has {} bytes", size);
            push(of_long(take(static_cast<uint64_t>(size))));
            return true;
        }
        case kBinFloat: {
            uint64_t bits = __builtin_bswap64(number<uint64_t>());  // big endian
            double real = 0;
            std::memcpy(&real, &bits, sizeof(real));
            push(of_real(real));
            return true;
        }
        case kFloat: {
            const std::string_view text = line();
            const std::optional<double> parsed = parse_number<double>(std::string(text));
            expect(parsed.has_value(), "the pickle is damaged: '{}' is no number", text.substr(0, 40));
            push(of_real(*parsed));
            return true;
        }
        default:
            return false;
    }
}

bool PickleMachine::text_or_bytes(uint8_t opcode) {
    switch (opcode) {
        case kShortBinUnicode:
        case kShortBinString:  // Python 2's str: text there, and here
            push(of_text(PickleKind::text, take(number<uint8_t>())));
            return true;
        case kBinUnicode:
            push(of_text(PickleKind::text, take(number<uint32_t>())));
            return true;
        case kBinUnicode8:
            push(of_text(PickleKind::text, take(number<uint64_t>())));
            return true;
        case kBinString: {
            const auto size = number<int32_t>();
            expect(size >= 0, "the pickle is damaged: a text has {} bytes", size);
            push(of_text(PickleKind::text, take(static_cast<uint64_t>(size))));
            return true;
        }
        case kShortBinBytes:
            push(of_text(PickleKind::bytes, take(number<uint8_t>())));
            return true;
        case kBinBytes:
            push(of_text(PickleKind::bytes, take(number<uint32_t>())));
            return true;
        case kBinBytes8:
        case kByteArray8:
            push(of_text(PickleKind::bytes, take(number<uint64_t>())));
            return true;
        default:
            return false;
    }
}

}  // namespace moco
