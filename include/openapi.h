/* OpenAPI: docs/openapi.json as it was when the program was built. */
#ifndef CCR_OPENAPI_H
#define CCR_OPENAPI_H

extern const char openapi_json[]; /* build/openapi_json.c, made by the Makefile */

#endif
