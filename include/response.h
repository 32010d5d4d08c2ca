/* Response: status, headers, body, written by a handler and sent once. */
#pragma once

#include "buffer.h"
#include "json.h"
#include "request.h"

struct response {
    int status;
    struct buffer headers; /* "Name: value\r\n" lines */
    struct buffer body;
    struct json_writer json; /* writes into body */
    bool enveloped;
    bool written;       /* the handler produced its answer */
    bool unsent;        /* nobody is there to take it */
    long long revision; /* of the thing shown, for its entity tag; 0 = none in particular */
};

void response_init(struct response *rs);
void response_reset(struct response *rs);
/* Takes back the body, the status, and the headers behind the first `headers` bytes: another answer follows. */
void response_restart(struct response *rs, size_t headers);
void response_free(struct response *rs);

/* A header line; a value with CR or LF is dropped and logged. */
void response_header(struct response *rs, const char *name, const char *value);

/* Opens {"success":true,"data": - write one value to rs->json, then respond_end closes the envelope. */
struct json_writer *respond_begin(struct response *rs, int status);
/* The same without an envelope, for the addresses whose contract has none. */
struct json_writer *respond_begin_bare(struct response *rs, int status);
/* The two with an object opened: write its members. */
struct json_writer *respond_object(struct response *rs, int status);
struct json_writer *respond_object_bare(struct response *rs, int status);
/* Closes what they opened. Like the following it returns ERR_NONE, for handlers that end with it. */
enum error respond_end(struct response *rs);

enum error respond_null(struct response *rs);                                    /* 200, data is null */
enum error respond_text(struct response *rs, int status, const char *text);      /* data is a string; NULL is null */
enum error respond_bare_text(struct response *rs, int status, const char *text); /* the body is a JSON string */
enum error respond_row(struct response *rs, int status, const struct row *row); /* data is what row_write makes of it */

/* The error body for what fail() left in rq (or the general message of error). Logs ERR_INTERNAL under error_id. */
void respond_error(struct request *rq, struct response *rs, enum error error);

/* ETag for a representation; true when If-None-Match has it: the answer is then a complete 304. */
bool respond_not_modified(struct request *rq, struct response *rs, const char *etag);
/* ETags here are "<revision>" or "<revision>-<variant>". ERR_NONE when If-Match is absent, "*", or names `revision`, in a weak tag, too:
 * RFC 9110 compares strongly here (section 13.1.1), but a proxy makes weak tags of ours, and a revision is no set of bytes. */
enum error check_if_match(struct request *rq, long long revision);
