/* Usage from OpenTelemetry: what coding CLIs export to /v1/logs, as JSON or as protobuf, becomes usage records. Portable.
 * opentelemetry-proto 1.x: collector/logs/v1/logs_service.proto; OTLP/HTTP's JSON encoding. */
#pragma once

#include "usage_reader.h"

enum usage_otlp { USAGE_OTLP_JSON, USAGE_OTLP_PROTOBUF };

/* One ExportLogsServiceRequest. Log records that tell of no call are counted as `other`. False
 * when it is none, with a sentence in why; what was taken before that is taken. */
bool usage_otlp_logs(enum usage_otlp encoding, const char *bytes, size_t length, usage_taker *take, void *context,
                     struct usage_lines *lines, char *why, size_t size);
/* One ExportMetricsServiceRequest, looked through so that a sender of nonsense is told so. Metrics repeat what the events of the logs say
 * call by call, so nothing of them is counted: data points are `other`. */
bool usage_otlp_metrics(enum usage_otlp encoding, const char *bytes, size_t length, struct usage_lines *lines,
                        char *why, size_t size);
