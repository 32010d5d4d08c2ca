/* Fuzzer for OpenTelemetry's requests. The first byte picks the encoding, and logs or metrics; the rest is the body. */
#include "usage_fuzzer.h"
#include "usage_otlp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    const char *bytes = (const char *)data + 1;
    enum usage_otlp encoding = data[0] & 1 ? USAGE_OTLP_PROTOBUF : USAGE_OTLP_JSON;
    struct usage_lines lines = {0};
    struct seen seen = {0};
    char why[80] = "";
    bool sound = data[0] & 2 ? usage_otlp_metrics(encoding, bytes, size - 1, &lines, why, sizeof why)
                             : usage_otlp_logs(encoding, bytes, size - 1, see_record, &seen, &lines, why, sizeof why);
    expect(sound == !*why);
    expect(lines.records == seen.records && lines.unknown == 0);
    expect(lines.lines == lines.records + lines.other + lines.bad);
    return 0;
}
