/* OpenAPI: docs/openapi.json as it was when the program was built. */
#pragma once

extern const char openapi_json[]; /* build/openapi_json.c, made by the Makefile */
