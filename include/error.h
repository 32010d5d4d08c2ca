/* Errors: the one list of codes, and the one list of messages in English and Simplified Chinese. */
#pragma once

/*     enum                     code on the wire         status */
#define ERROR_LIST(X)                                                                                                  \
    X(ERR_VALIDATION, "VALIDATION_ERROR", 400)         /* the request is malformed or a field is wrong */              \
    X(ERR_AUTHENTICATION, "AUTHENTICATION_ERROR", 401) /* no, expired or wrong credentials */                          \
    X(ERR_AUTHORIZATION, "AUTHORIZATION_ERROR", 403)   /* known, but not allowed */                                    \
    X(ERR_NOT_FOUND, "NOT_FOUND", 404)                 /* no such route or thing (or not in this workspace) */         \
    X(ERR_METHOD, "METHOD_NOT_ALLOWED", 405)           /* with Allow */                                                \
    X(ERR_CONFLICT, "CONFLICT", 409)                   /* the name is taken, or the state forbids it */                \
    X(ERR_PRECONDITION, "PRECONDITION_FAILED", 412)    /* If-Match named another revision */                           \
    X(ERR_TOO_LARGE, "PAYLOAD_TOO_LARGE", 413)         /* body over MAX_BODY_SIZE */                                   \
    X(ERR_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE", 415)   /* a body that is not application/json, or is compressed */     \
    X(ERR_RATE_LIMIT, "RATE_LIMIT_EXCEEDED", 429)      /* with Retry-After */                                          \
    X(ERR_INTERNAL, "INTERNAL_SERVER_ERROR", 500)      /* our fault; the log has it under error_id */                  \
    X(ERR_EXTERNAL, "EXTERNAL_SERVICE_ERROR", 502)     /* a service we asked did not answer */                         \
    X(ERR_DATABASE, "DATABASE_UNAVAILABLE", 503)       /* with Retry-After */                                          \
    X(ERR_OVERLOADED, "SERVICE_OVERLOADED", 503)       /* with Retry-After */                                          \
    X(ERR_BUSY, "CONFLICT", 409)                       /* somebody else holds it just now; with Retry-After */

enum error {
    ERR_NONE = 0,
#define X(name, code, status) name,
    ERROR_LIST(X) ERROR_COUNT
#undef X
};

enum language { LANGUAGE_EN, LANGUAGE_ZH, LANGUAGE_COUNT };

/* "{}" is replaced by the next argument of fail(), in order. */
#define MESSAGE_LIST(X)                                                                                                                                   \
    /* one for each code, used when nothing more precise was said */                                                                                      \
    X(MSG_VALIDATION, ERR_VALIDATION, "The request is not valid", "请求无效")                                                                             \
    X(MSG_AUTHENTICATION, ERR_AUTHENTICATION, "Log in to use this", "请先登录")                                                                           \
    X(MSG_AUTHORIZATION, ERR_AUTHORIZATION, "You are not allowed to do this", "没有权限执行此操作")                                                       \
    X(MSG_NOT_FOUND, ERR_NOT_FOUND, "Not found", "未找到")                                                                                                \
    X(MSG_METHOD, ERR_METHOD, "This address does not take {} requests", "此地址不接受 {} 请求")                                                           \
    X(MSG_CONFLICT, ERR_CONFLICT, "This conflicts with what is stored", "与现有数据冲突")                                                                 \
    X(MSG_PRECONDITION, ERR_PRECONDITION, "It was changed meanwhile; read it again and repeat the change",                                                \
      "内容已被修改，请重新读取后再试")                                                                                                                   \
    X(MSG_TOO_LARGE, ERR_TOO_LARGE, "The request body is larger than {} bytes", "请求体超过 {} 字节")                                                     \
    X(MSG_MEDIA_TYPE, ERR_MEDIA_TYPE, "Send the body as application/json", "请以 application/json 发送请求体")                                            \
    X(MSG_RATE_LIMIT, ERR_RATE_LIMIT, "Too many requests; try again in {} s", "请求过于频繁，请 {} 秒后再试")                                             \
    X(MSG_INTERNAL, ERR_INTERNAL, "Something went wrong on the server", "服务器内部错误")                                                                 \
    X(MSG_EXTERNAL, ERR_EXTERNAL, "A service this depends on did not answer", "外部服务无响应")                                                           \
    X(MSG_DATABASE, ERR_DATABASE, "The database is not available right now; try again shortly",                                                           \
      "数据库暂时不可用，请稍后再试")                                                                                                                     \
    X(MSG_OVERLOADED, ERR_OVERLOADED, "The server is busy and refused a request that had waited too long; try again",                                     \
      "服务器繁忙，请求等待过久已被拒绝，请稍后再试")                                                                                                     \
    X(MSG_BUSY, ERR_BUSY, "Somebody else is changing the same just now; nothing was done, try again in a moment",                                         \
      "他人正在修改相同内容，本次未做任何更改，请稍后再试")                                                                                               \
    /* requests and bodies */                                                                                                                             \
    X(MSG_TOO_MUCH_USER, ERR_RATE_LIMIT, "Too many of your requests are still in progress; try again in {} s",                                            \
      "您仍有过多请求正在处理，请 {} 秒后再试")                                                                                                           \
    X(MSG_TOO_MUCH_WORKSPACE, ERR_RATE_LIMIT,                                                                                                             \
      "Too many requests in this workspace are still in progress; try again in {} s",                                                                     \
      "此工作区仍有过多请求正在处理，请 {} 秒后再试")                                                                                                     \
    X(MSG_TOO_MUCH_ADDRESS, ERR_RATE_LIMIT,                                                                                                               \
      "Too many requests from your address are still in progress; try again in {} s",                                                                     \
      "来自您的地址的过多请求仍在处理，请 {} 秒后再试")                                                                                                   \
    X(MSG_TOO_MANY_PASSWORDS, ERR_RATE_LIMIT, "Many passwords are being checked right now; try again in {} s",                                            \
      "当前正在验证的密码过多，请 {} 秒后再试")                                                                                                           \
    X(MSG_TOO_MUCH_HEAVY, ERR_OVERLOADED, "The server is busy with large requests; try again in {} s",                                                    \
      "服务器正忙于处理大型请求，请 {} 秒后再试")                                                                                                         \
    X(MSG_BAD_PATH, ERR_VALIDATION, "The address is not valid UTF-8 or holds a NUL", "地址不是有效的 UTF-8")                                              \
    X(MSG_BAD_QUERY, ERR_VALIDATION, "The query string is not valid", "查询字符串无效")                                                                   \
    X(MSG_BAD_JSON, ERR_VALIDATION, "The body is not valid JSON: {} (line {}, column {})",                                                                \
      "请求体不是有效的 JSON：{}（第 {} 行，第 {} 列）")                                                                                                  \
    X(MSG_JSON_DEPTH, ERR_VALIDATION, "The body is nested deeper than {} levels", "请求体嵌套超过 {} 层")                                                 \
    X(MSG_TOO_COMPLEX, ERR_TOO_LARGE, "The request holds more values than the server takes at once",                                                      \
      "请求包含的数据过多")                                                                                                                               \
    X(MSG_CONTENT_ENCODING, ERR_MEDIA_TYPE, "Send the body as it is, without Content-Encoding",                                                           \
      "请直接发送请求体，不要使用 Content-Encoding")                                                                                                      \
    X(MSG_JSON_OBJECT, ERR_VALIDATION, "The body must be a JSON object", "请求体必须是 JSON 对象")                                                        \
    X(MSG_FIELDS, ERR_VALIDATION, "Some fields are not valid: {}", "部分字段无效：{}")                                                                    \
    X(MSG_AND_MORE, ERR_VALIDATION, "{} and {} more", "{} 等另外 {} 人")                                                                                  \
    X(MSG_FIELDS_MORE, ERR_VALIDATION, "{}; and {} more", "{}；另有 {} 项")                                                                               \
    X(MSG_REQUIRED, ERR_VALIDATION, "is required", "为必填项")                                                                                            \
    X(MSG_NOT_BLANK, ERR_VALIDATION, "must not be empty", "不能为空")                                                                                     \
    X(MSG_TYPE, ERR_VALIDATION, "must be {}", "必须是{}")                                                                                                 \
    X(MSG_TOO_LONG, ERR_VALIDATION, "must have at most {} characters", "最多 {} 个字符")                                                                  \
    X(MSG_TOO_SHORT, ERR_VALIDATION, "must have at least {} characters", "至少 {} 个字符")                                                                \
    X(MSG_FILE_PATH, ERR_VALIDATION, "must be a relative path without '..' that every system can have",                                                   \
      "须为各系统都能使用的相对路径，且不含“..”")                                                                                                         \
    X(MSG_FILE_TWICE, ERR_VALIDATION, "is there twice where case does not count", "在不区分大小写的系统上重复")                                           \
    X(MSG_KEY_PATH, ERR_VALIDATION, "must be keys with dots between, others than words in double quotes",                                                 \
      "须为以点分隔的键，特殊的键须加双引号")                                                                                                             \
    X(MSG_TOO_MANY, ERR_VALIDATION, "must have at most {} entries", "最多 {} 项")                                                                         \
    X(MSG_RANGE, ERR_VALIDATION, "must be between {} and {}", "必须在 {} 到 {} 之间")                                                                     \
    X(MSG_CHOICE, ERR_VALIDATION, "must be one of: {}", "必须是以下之一：{}")                                                                             \
    X(MSG_NAME, ERR_VALIDATION, "must be 1 to 100 letters, digits, '-', '_' or '.'",                                                                      \
      "须为 1 到 100 个字母、数字、“-”、“_”或“.”")                                                                                                        \
    X(MSG_LABEL, ERR_VALIDATION,                                                                                                                          \
      "must be 1 to 100 characters, none of them a control character, without white space at either end, and without"                                     \
      " '.' or '..' as a whole or between slashes",                                                                                                       \
      "须为 1 到 100 个字符，不含控制字符，首尾不能是空白，整体或斜杠之间不能是“.”或“..”")                                                                \
    X(MSG_RESERVED, ERR_VALIDATION, "'{}' is a reserved name", "“{}”是保留名称")                                                                          \
    X(MSG_TIME, ERR_VALIDATION, "must be a date or an RFC 3339 time, such as 2026-01-31 or 2026-01-31T12:00:00Z",                                         \
      "须为日期或 RFC 3339 时间，如 2026-01-31 或 2026-01-31T12:00:00Z")                                                                                  \
    X(MSG_DATE, ERR_VALIDATION, "must be a date: 2026-01-31", "须为日期，例如 2026-01-31")                                                                \
    X(MSG_DATE_COMING, ERR_VALIDATION, "is a day that is still to come", "该日期尚未到来")                                                                \
    X(MSG_POSITIVE, ERR_VALIDATION, "must be more than 0", "须大于 0")                                                                                    \
    X(MSG_FEWER, ERR_VALIDATION, "gives more than fits into one answer; ask for fewer at a time",                                                         \
      "结果超出单次响应的容量，请减少数量")                                                                                                               \
    X(MSG_URL, ERR_VALIDATION, "must start with http:// or https://", "必须以 http:// 或 https:// 开头")                                                  \
    X(MSG_MASK_STORED, ERR_VALIDATION, "is a mask that was stored as if it were the token; give the token itself",                                        \
      "存储的是掩码而不是密钥，请重新填写密钥")                                                                                                           \
    X(MSG_MASK, ERR_VALIDATION,                                                                                                                           \
      "is a mask, no secret; give the secret itself, or exactly the mask of what is stored to keep that",                                                 \
      "是掩码而不是密钥；请填写密钥本身，或原样提交当前所存密钥的掩码以保持不变")                                                                         \
    X(MSG_URL_USERINFO, ERR_VALIDATION, "must not hold a user name or password; the token goes into auth_token",                                          \
      "不能包含用户名或密码；密钥请填入 auth_token")                                                                                                      \
    X(MSG_URL_PARTS, ERR_VALIDATION, "must be a whole address: a host, a port of 1 to 65535 if any, no blanks",                                           \
      "必须是完整地址：包含主机名，端口（如有）为 1 到 65535，不含空白")                                                                                  \
    X(MSG_KEY, ERR_VALIDATION, "must not hold blanks or control characters", "不能包含空白或控制字符")                                                    \
    X(MSG_CONTROL, ERR_VALIDATION, "must not hold control characters", "不能包含控制字符")                                                                \
    X(MSG_BAD_TOML, ERR_VALIDATION, "The file is not valid TOML: {} (line {}, column {})",                                                                \
      "配置格式无效: 解析 TOML 失败: {}（第 {} 行，第 {} 列）")                                                                                           \
    X(MSG_TOML_FIELD, ERR_VALIDATION, "'{}' {} (line {}, column {})", "“{}”{}（第 {} 行，第 {} 列）")                                                     \
    X(MSG_TOP_LEVEL, ERR_VALIDATION, "'{}' is a value at the top level of the imported file; choose another name",                                        \
      "“{}”是导入文件顶层的值，请使用其他名称")                                                                                                           \
    X(MSG_NAME_OF_PROFILE, ERR_VALIDATION,                                                                                                                \
      "is the name of a stored profile; rename one of them, or import in mode replace",                                                                   \
      "与已有配置同名；请重命名其中之一，或使用 replace 模式导入")                                                                                        \
    X(MSG_NATIVE_FILE, ERR_VALIDATION,                                                                                                                    \
      "is {}, a file of the command-line tool itself; what can be imported is CCR's profiles.toml or config.toml",                                        \
      "是命令行工具自身的文件 {}；可以导入的是 CCR 的 profiles.toml 或 config.toml")                                                                      \
    X(MSG_IN_FILE, ERR_VALIDATION, "{} (line {}, column {})", "{}（第 {} 行，第 {} 列）")                                                                 \
    /* accounts */                                                                                                                                        \
    X(MSG_LOGIN_WRONG, ERR_AUTHENTICATION, "Wrong user name or password", "用户名或密码错误")                                                             \
    X(MSG_LOGIN_THROTTLED, ERR_RATE_LIMIT, "Too many failed logins; try again in {} s",                                                                   \
      "登录失败次数过多，请 {} 秒后再试")                                                                                                                 \
    X(MSG_TOKEN_INVALID, ERR_AUTHENTICATION, "The token is not valid or has expired; log in again",                                                       \
      "令牌无效或已过期，请重新登录")                                                                                                                     \
    X(MSG_REFRESH_REUSED, ERR_AUTHENTICATION,                                                                                                             \
      "This refresh token was used before; the session is ended, log in again",                                                                           \
      "刷新令牌已被使用，会话已终止，请重新登录")                                                                                                         \
    X(MSG_ROLE, ERR_AUTHORIZATION, "This needs the role '{}' in the workspace", "此操作需要工作区角色“{}”")                                               \
    X(MSG_SITE_ADMIN, ERR_AUTHORIZATION, "Only a site administrator may do this", "只有站点管理员可以执行此操作")                                         \
    X(MSG_SCOPE, ERR_AUTHORIZATION, "The access token lacks the scope '{}'", "访问令牌缺少权限范围“{}”")                                                  \
    X(MSG_TOKEN_BOUND, ERR_AUTHORIZATION, "This access token is bound to a workspace; this concerns more than that",                                      \
      "此访问令牌仅限一个工作区，而此操作超出该工作区")                                                                                                   \
    X(MSG_OWN_PASSWORD, ERR_AUTHORIZATION,                                                                                                                \
      "Your own password changes with the old one only (POST /api/auth/password)",                                                                        \
      "修改自己的密码需要提供原密码（POST /api/auth/password）")                                                                                          \
    X(MSG_SESSION_ONLY, ERR_AUTHORIZATION, "This needs a login session, not an access token",                                                             \
      "此操作需要登录会话，不能使用访问令牌")                                                                                                             \
    X(MSG_CROSS_SITE, ERR_AUTHORIZATION,                                                                                                                  \
      "A cookie only counts for requests from this site; send Authorization: Bearer instead",                                                             \
      "Cookie 仅接受来自本站的请求，请改用 Authorization: Bearer")                                                                                        \
    X(MSG_CONFIRM, ERR_AUTHORIZATION,                                                                                                                     \
      "Confirm your password first (POST /api/auth/password/confirm); it then counts for 5 minutes",                                                      \
      "请先确认密码（POST /api/auth/password/confirm），5 分钟内有效")                                                                                    \
    X(MSG_PASSWORD_WRONG, ERR_VALIDATION, "is not your current password", "不是当前密码")                                                                 \
    X(MSG_WORKSPACE_UNKNOWN, ERR_NOT_FOUND, "Workspace '{}' not found", "工作区“{}”不存在")                                                               \
    X(MSG_USER_UNKNOWN, ERR_NOT_FOUND, "User '{}' not found", "用户“{}”不存在")                                                                           \
    X(MSG_USER_EXISTS, ERR_CONFLICT, "User '{}' already exists", "用户“{}”已存在")                                                                        \
    X(MSG_USER_LOOKALIKE, ERR_CONFLICT,                                                                                                                   \
      "'{}' looks like '{}', who is a user already; choose a name that people can tell apart",                                                            \
      "“{}”与现有用户“{}”外观相似，请选择易于区分的名称")                                                                                                 \
    X(MSG_WORKSPACE_EXISTS, ERR_CONFLICT, "Workspace '{}' already exists", "工作区“{}”已存在")                                                            \
    X(MSG_WORKSPACE_PERSONAL, ERR_CONFLICT, "A personal workspace cannot be shared, renamed or deleted",                                                  \
      "个人工作区不能共享、重命名或删除")                                                                                                                 \
    X(MSG_MEMBER_EXISTS, ERR_CONFLICT, "'{}' is already a member", "“{}”已是成员")                                                                        \
    X(MSG_MEMBER_UNKNOWN, ERR_NOT_FOUND, "'{}' is not a member", "“{}”不是成员")                                                                          \
    X(MSG_MEMBER_INVITE, ERR_NOT_FOUND,                                                                                                                   \
      "'{}' is not a member; invite people with POST /api/workspaces/{slug}/invitations",                                                                 \
      "“{}”不是成员；请使用 POST /api/workspaces/{slug}/invitations 邀请")                                                                                \
    X(MSG_WORKSPACE_NAMESAKE, ERR_CONFLICT,                                                                                                               \
      "'{}' has a personal workspace '{}' already; this one needs another slug first",                                                                    \
      "“{}”已有个人工作区“{}”，请先更改此工作区的标识")                                                                                                   \
    X(MSG_INVITATION_UNKNOWN, ERR_NOT_FOUND, "Invitation '{}' not found, or it has expired", "邀请“{}”不存在或已过期")                                    \
    X(MSG_LINK_UNKNOWN, ERR_NOT_FOUND,                                                                                                                    \
      "This invitation is not open: it was used or withdrawn, or has expired. Ask for a new one",                                                         \
      "该邀请无效：已被使用、已撤回或已过期。请索取新的邀请")                                                                                             \
    X(MSG_LINK_ONLY, ERR_VALIDATION, "is for a link, which has no user name", "仅适用于不含用户名的邀请链接")                                             \
    X(MSG_LINK_NO_ACCOUNTS, ERR_AUTHORIZATION,                                                                                                            \
      "This invitation is for people who have an account here; ask the site's administrator for one",                                                     \
      "该邀请仅适用于已有账户的用户，请向站点管理员申请账户")                                                                                             \
    X(MSG_INVITATIONS_MANY, ERR_CONFLICT, "A workspace has at most {} open invitations; withdraw some first",                                             \
      "每个工作区最多 {} 个待处理邀请，请先撤回部分邀请")                                                                                                 \
    X(MSG_LAST_OWNER, ERR_CONFLICT, "A workspace needs at least one owner", "工作区至少需要一个所有者")                                                   \
    X(MSG_LAST_ADMIN, ERR_CONFLICT, "The site needs at least one active administrator",                                                                   \
      "站点至少需要一个启用的管理员")                                                                                                                     \
    X(MSG_TOKEN_UNKNOWN, ERR_NOT_FOUND, "Access token '{}' not found", "访问令牌“{}”不存在")                                                              \
    X(MSG_TOKEN_EXISTS, ERR_CONFLICT, "An access token named '{}' already exists", "名为“{}”的访问令牌已存在")                                            \
    X(MSG_SESSION_UNKNOWN, ERR_NOT_FOUND, "Session '{}' not found", "会话“{}”不存在")                                                                     \
    X(MSG_PASSWORD_NAME, ERR_VALIDATION, "must not be the user name", "不能与用户名相同")                                                                 \
    X(MSG_BYTES, ERR_VALIDATION, "must have at most {} bytes in UTF-8", "以 UTF-8 编码时最多 {} 字节")                                                    \
    X(MSG_SLUG, ERR_VALIDATION, "must be 1 to 63 of a-z, 0-9 and '-', with a letter or digit at both ends",                                               \
      "须为 1 到 63 个 a-z、0-9 或“-”，且首尾为字母或数字")                                                                                               \
    X(MSG_SOLE_OWNER, ERR_CONFLICT, "'{}' is the only owner of workspace '{}'; make another member an owner first",                                       \
      "“{}”是工作区“{}”的唯一所有者，请先指定其他所有者")                                                                                                 \
    /* profiles */                                                                                                                                        \
    X(MSG_CONFIG_UNKNOWN, ERR_NOT_FOUND, "Config '{}' not found", "配置节 '{}' 不存在")                                                                   \
    X(MSG_CONFIG_EXISTS, ERR_CONFLICT, "Config '{}' already exists", "配置节 '{}' 已存在")                                                                \
    X(MSG_CONFIG_CURRENT, ERR_CONFLICT, "Cannot delete current config '{}'", "不能删除当前配置 '{}'")                                                     \
    X(MSG_CONFIG_HELD, ERR_CONFLICT, "Cannot delete config '{}': it is the current config of {}; ask them to switch",                                     \
      "不能删除配置 '{}'：它是 {} 的当前配置，请先让其切换")                                                                                              \
    X(MSG_FILE_MAX, ERR_CONFLICT,                                                                                                                         \
      "As a file these configs would have more than {} bytes, the most that an import takes",                                                             \
      "这些配置写成文件将超过 {} 字节，即导入的上限")                                                                                                     \
    X(MSG_CONFIG_NONE, ERR_NOT_FOUND,                                                                                                                     \
      "There is no enabled config on platform '{}'; add one, import a file, or enable one",                                                               \
      "平台“{}”没有已启用的配置，请添加、导入或启用一个")                                                                                                 \
    X(MSG_SWITCH_INVALID, ERR_VALIDATION, "Validation failed: {}", "验证失败: {}")                                                                        \
    X(MSG_PLATFORM_UNKNOWN, ERR_VALIDATION, "Unknown platform '{}' (claude, codex, gemini, qwen, iflow, droid)",                                          \
      "未知平台“{}”（claude, codex, gemini, qwen, iflow, droid）")                                                                                        \
    X(MSG_NATIVE_SYNTAX, ERR_VALIDATION, "cannot be read: {} (line {}, column {})",                                                                       \
      "无法解析：{}（第 {} 行，第 {} 列）")                                                                                                               \
    X(MSG_NATIVE_LEFT, ERR_VALIDATION, "no resource says this", "没有对应的资源")                                                                         \
    X(MSG_NATIVE_UNKNOWN, ERR_VALIDATION, "is no file of {} that is known here", "不是已知的 {} 文件")                                                    \
    X(MSG_NATIVE_UNSAFE, ERR_CONFLICT, "'{}' cannot be written: {}", "无法写入“{}”：{}")                                                                  \
    X(MSG_NATIVE_NO_PLACE, ERR_VALIDATION, "no file of {} says this", "{} 的文件无法表达此项")                                                            \
    X(MSG_NATIVE_TAKEN, ERR_VALIDATION, "another one stands in its file", "其文件已被另一项占用")                                                         \
    X(MSG_VARIABLE_STAYS, ERR_VALIDATION, "holds a variable, which {} does not replace there",                                                            \
      "包含变量，{} 在此处不会替换")                                                                                                                      \
    X(MSG_ARCHIVE, ERR_VALIDATION, "is no tar.gz in base64", "不是 base64 编码的 tar.gz")                                                                 \
    X(MSG_ARCHIVE_ENTRY, ERR_VALIDATION, "is neither a file nor a folder", "既不是文件也不是文件夹")                                                      \
    X(MSG_ARCHIVE_LARGE, ERR_VALIDATION, "is too much: 1000 files of at most 2 MiB, together at most 8 MiB",                                              \
      "过大：最多 1000 个文件，每个不超过 2 MiB，总计不超过 8 MiB")                                                                                       \
    X(MSG_NATIVE_BINARY, ERR_VALIDATION, "is no text", "不是文本")                                                                                        \
    X(MSG_RESOURCE_UNKNOWN, ERR_NOT_FOUND, "'{}' not found", "“{}”不存在")                                                                                \
    X(MSG_RESOURCE_EXISTS, ERR_CONFLICT, "'{}' already exists", "“{}”已存在")                                                                             \
    X(MSG_RESOURCE_REVISION, ERR_NOT_FOUND, "'{}' has no revision {}", "“{}”没有修订版本 {}")                                                             \
    X(MSG_RESOURCES_MAX, ERR_CONFLICT, "A platform holds at most {} of a kind; delete some first",                                                        \
      "每个平台同一种类最多 {} 项，请先删除一些")                                                                                                         \
    X(MSG_KIND_NOT_THERE, ERR_NOT_FOUND, "{} knows no {}", "{} 不支持 {}")                                                                                \
    X(MSG_KIND_UNKNOWN, ERR_VALIDATION, "'{}' is no kind of resource", "“{}”不是资源种类")                                                                \
    X(MSG_KIND_NOT_SHARED, ERR_VALIDATION, "cannot be several for a {}", "{} 不能属于多个平台")                                                           \
    X(MSG_TWICE, ERR_VALIDATION, "'{}' stands there twice", "“{}”出现了两次")                                                                             \
    X(MSG_SHARED_DIFFERS, ERR_VALIDATION, "is shared with {}: what is said of it there must be the same",                                                 \
      "与 {} 共享：两处内容必须相同")                                                                                                                     \
    X(MSG_SEVERAL, ERR_CONFLICT, "'{}' may be '{}' or '{}': this page cannot tell them apart, the console can",                                           \
      "“{}”可能指“{}”或“{}”：此页面无法区分，请在控制台中操作")                                                                                           \
    X(MSG_SYNC_MAX, ERR_CONFLICT, "There are more than {} servers: give them to other platforms one by one",                                              \
      "服务器超过 {} 个：请逐个同步到其他平台")                                                                                                           \
    X(MSG_NO_REPOSITORIES, ERR_VALIDATION,                                                                                                                \
      "This server reads no repositories of skills; import a skill's folder as files instead",                                                            \
      "此服务器不读取技能仓库；请改为以文件形式导入技能文件夹")                                                                                           \
    X(MSG_NO_LOGIN, ERR_VALIDATION,                                                                                                                       \
      "There is no login of Codex that is not saved yet; bring one with PUT /api/codex/auth/login",                                                       \
      "没有尚未保存的 Codex 登录；请通过 PUT /api/codex/auth/login 提供")                                                                                 \
    X(MSG_LOGIN_EXISTS, ERR_VALIDATION, "A login named '{}' already exists; give force to replace it",                                                    \
      "名为“{}”的登录已存在；如需替换请使用 force")                                                                                                       \
    X(MSG_LOGIN_EXPIRED, ERR_VALIDATION, "The login '{}' has expired", "登录“{}”已过期")                                                                  \
    X(MSG_LOGIN_NAME, ERR_VALIDATION, "must be 1 to 32 of A-Z, a-z, 0-9, '-' and '_'",                                                                    \
      "须为 1 到 32 个 A-Z、a-z、0-9、“-”或“_”")                                                                                                          \
    X(MSG_LOGINS_MAX, ERR_CONFLICT, "At most {} logins of Codex are kept for a user; delete some first",                                                  \
      "每个用户最多保存 {} 个 Codex 登录，请先删除一些")                                                                                                  \
    X(MSG_CODEX_AUTH, ERR_VALIDATION,                                                                                                                     \
      "must be the text of Codex's auth.json: a JSON object with tokens or OPENAI_API_KEY",                                                               \
      "须为 Codex 的 auth.json 的内容：包含 tokens 或 OPENAI_API_KEY 的 JSON 对象")                                                                       \
    X(MSG_NO_PROCESSES, ERR_VALIDATION,                                                                                                                   \
      "A server does not see whether Codex runs on your machine: quit it there first",                                                                    \
      "服务器无法得知您的机器上是否正在运行 Codex，请先在本机退出")                                                                                       \
    X(MSG_FRESH, ERR_VALIDATION, "Refreshed less than a day ago", "刷新于一天之内")                                                                       \
    X(MSG_STALE, ERR_VALIDATION, "Refreshed in the last 7 days", "刷新于 7 天之内")                                                                       \
    X(MSG_OLD, ERR_VALIDATION, "Refreshed more than 7 days ago", "刷新于 7 天之前")                                                                       \
    X(MSG_FRESHNESS_UNKNOWN, ERR_VALIDATION, "It is not known when it was refreshed", "刷新时间未知")                                                     \
    X(MSG_PLUGIN_ID, ERR_VALIDATION, "must name the marketplace, too: plugin@marketplace",                                                                \
      "须包含市场名称：plugin@marketplace")                                                                                                               \
    X(MSG_NO_FOLDERS, ERR_VALIDATION, "must not have folders (a '/')", "不能包含文件夹（“/”）")                                                           \
    X(MSG_CURSOR, ERR_VALIDATION, "is not what an answer gave as next_cursor", "不是响应中给出的 next_cursor")                                            \
    X(MSG_NOT_EXPRESSIBLE, ERR_VALIDATION, "has no effect on {}: it cannot be said there",                                                                \
      "在 {} 上无效：该工具无法表达")                                                                                                                     \
    X(MSG_BACKUP_UNKNOWN, ERR_NOT_FOUND, "Backup '{}' not found", "备份“{}”不存在")                                                                       \
    X(MSG_SECRETS_ADMIN, ERR_AUTHORIZATION, "Exporting secrets needs the role 'admin' in the workspace",                                                  \
      "导出密钥需要工作区角色“admin”")                                                                                                                    \
    X(MSG_SECRET_UNREADABLE, ERR_INTERNAL, "The stored secret of '{}' cannot be opened with the keys at hand",                                            \
      "无法用现有密钥解密“{}”的密钥")                                                                                                                     \
    /* commands and versions */                                                                                                                           \
    X(MSG_COMMAND_UNKNOWN, ERR_VALIDATION, "Command '{}' is not allowed", "命令“{}”不被允许")                                                             \
    X(MSG_FAVORITE_UNKNOWN, ERR_NOT_FOUND, "There is no such favourite command", "收藏命令不存在")                                                        \
    X(MSG_FAVORITES_MAX, ERR_CONFLICT, "At most {} favourite commands; delete some first",                                                                \
      "最多 {} 个收藏命令，请先删除一些")                                                                                                                 \
    X(MSG_WEBDAV, ERR_CONFLICT, "Synchronization is not configured: what is kept here is kept by the server",                                             \
      "同步功能未配置：数据由服务器保存")                                                                                                                 \
    X(MSG_SKILL_ELSEWHERE, ERR_NOT_FOUND, "'{}' is no skill of this workspace; nothing is fetched from elsewhere",                                        \
      "“{}”不是此工作区的技能；不会从其他地方下载")                                                                                                       \
    X(MSG_AGENT_ELSEWHERE, ERR_NOT_FOUND, "This server keeps no skills of '{}'", "此服务器不保存“{}”的技能")                                              \
    X(MSG_NO_UPDATE_SOURCE, ERR_EXTERNAL, "no update source (UPDATE_URL is not set)", "未配置更新源（UPDATE_URL）")                                       \
    X(MSG_UPDATE_SOURCE, ERR_EXTERNAL, "The update source did not answer: {}", "更新源无响应：{}")                                                        \
    /* asking other servers */                                                                                                                            \
    X(MSG_TOO_MUCH_OUTBOUND, ERR_OVERLOADED,                                                                                                              \
      "The server is already waiting for as many other servers as it may; try again in {} s",                                                             \
      "服务器正在等待的外部服务已达上限，请 {} 秒后再试")                                                                                                 \
    X(MSG_TOO_MANY_STREAMS, ERR_RATE_LIMIT, "As many imports are under way as there may be; try again in {} s",                                           \
      "同时进行的导入已达上限，请 {} 秒后再试")                                                                                                           \
    X(MSG_USAGE_ENCODING, ERR_MEDIA_TYPE, "Send it as it is, or packed with gzip or zstd",                                                                \
      "请直接发送，或使用 gzip 或 zstd 压缩")                                                                                                             \
    X(MSG_USAGE_PACKED, ERR_VALIDATION, "What was sent cannot be unpacked: {}", "无法解压所发送的内容：{}")                                               \
    X(MSG_USAGE_PLATFORM, ERR_VALIDATION, "No log of '{}' can be read", "无法读取“{}”的日志")                                                             \
    X(MSG_USAGE_POSITION, ERR_CONFLICT, "This file is known up to byte {}: send it from there, or from its beginning",                                    \
      "此文件已读取到第 {} 字节：请从该处或从头发送")                                                                                                     \
    X(MSG_USAGE_NAMING, ERR_VALIDATION, "A line that names a file is {\"ccr_file\": \"PATH\", \"at\": BYTES}",                                            \
      "命名文件的行应为 {\"ccr_file\": \"路径\", \"at\": 字节数}")                                                                                        \
    X(MSG_USAGE_LINE, ERR_TOO_LARGE, "The log cannot be read on: {}", "无法继续读取日志：{}")                                                             \
    X(MSG_USAGE_OTLP, ERR_VALIDATION, "This is no export of OpenTelemetry: {}", "这不是 OpenTelemetry 导出：{}")                                          \
    X(MSG_USAGE_OTLP_TYPE, ERR_MEDIA_TYPE, "Send it as application/json or application/x-protobuf",                                                       \
      "请以 application/json 或 application/x-protobuf 发送")                                                                                             \
    X(MSG_USAGE_GROUP, ERR_VALIDATION, "must name at most three of {}, each once, and one time at most",                                                  \
      "最多可从 {} 中选三项，不可重复，且时间至多一项")                                                                                                   \
    X(MSG_USAGE_PERIOD, ERR_VALIDATION, "must be later than the beginning, by at most {} days",                                                           \
      "须晚于开始时间，且相差不超过 {} 天")                                                                                                               \
    X(MSG_TIME_ZONE, ERR_VALIDATION, "must be the name of a time zone, such as Europe/Berlin",                                                            \
      "须为时区名称，如 Asia/Shanghai")                                                                                                                   \
    X(MSG_USAGE_SESSION, ERR_NOT_FOUND, "Session '{}' not found", "会话“{}”不存在")                                                                       \
    X(MSG_HTTP_REFUSED, ERR_EXTERNAL,                                                                                                                     \
      "its address is a private one, which this server does not ask (OUTBOUND_ALLOW names those that it may)",                                            \
      "其地址为内网地址，本服务器不会访问（可由 OUTBOUND_ALLOW 放行）")                                                                                   \
    X(MSG_HTTP_BAD_URL, ERR_EXTERNAL, "its address is no http or https URL without a user name",                                                          \
      "其地址不是不含用户名的 http 或 https URL")                                                                                                         \
    X(MSG_HTTP_NO_NAME, ERR_EXTERNAL, "its name is not known", "无法解析其域名")                                                                          \
    X(MSG_HTTP_NO_CONNECTION, ERR_EXTERNAL, "it took no connection", "无法与其建立连接")                                                                  \
    X(MSG_HTTP_TOO_LATE, ERR_EXTERNAL, "it did not answer in time", "未在规定时间内响应")                                                                 \
    X(MSG_HTTP_TOO_LARGE, ERR_EXTERNAL, "its answer is too large", "其响应过大")                                                                          \
    X(MSG_HTTP_TOO_FAR, ERR_EXTERNAL, "it redirects too often", "重定向次数过多")                                                                         \
    X(MSG_HTTP_NO_CERTIFICATE, ERR_EXTERNAL, "it has no certificate that is good for its name (TLS)",                                                     \
      "其 TLS 证书对该域名无效")                                                                                                                          \
    X(MSG_HTTP_BAD_ANSWER, ERR_EXTERNAL, "it broke off, or what it said is no HTTP",                                                                      \
      "连接中断或其响应不是有效的 HTTP")                                                                                                                  \
    X(MSG_HTTP_NOT_ASKED, ERR_EXTERNAL, "there was no time left to ask it", "没有剩余时间进行访问")                                                       \
    X(MSG_HTTP_STATUS, ERR_EXTERNAL, "status {}", "状态码 {}")                                                                                            \
    X(MSG_HTTP_MEANINGLESS, ERR_EXTERNAL, "no {} in its answer", "其响应中没有 {}")                                                                       \
    X(MSG_HTTP_PAUSED, ERR_EXTERNAL, "it did not answer a moment ago", "刚才未响应")                                                                      \
    X(MSG_HEALTH_TOKEN, ERR_EXTERNAL, "it does not take the token (status {})", "令牌未被接受（状态码 {}）")                                              \
    X(MSG_HEALTH_NO_LIST, ERR_EXTERNAL, "it answers, but has no list of models (status {})",                                                              \
      "可以访问，但未提供模型列表（状态码 {}）")                                                                                                          \
    X(MSG_HEALTH_MODEL, ERR_EXTERNAL, "the model '{}' is not in its list", "其模型列表中没有“{}”")                                                        \
    X(MSG_HEALTH_INCOMPLETE, ERR_EXTERNAL, "no base URL or no token is set", "未设置接口地址或令牌")                                                      \
    X(MSG_HEALTH_TOO_MANY, ERR_EXTERNAL, "only the first {} are asked", "仅检查前 {} 个")                                                                 \
    /* prices */                                                                                                                                          \
    X(MSG_PRICE_AMOUNT, ERR_VALIDATION, "must be a number from 0 to 1000000, or its digits, with at most 9 decimals",                                     \
      "须为 0 到 1000000 的数字或其文本，最多 9 位小数")                                                                                                  \
    X(MSG_PRICE_MODEL, ERR_VALIDATION, "is no name of a model", "不是模型名称")                                                                           \
    X(MSG_PRICE_UNKNOWN, ERR_NOT_FOUND, "This workspace has no such price of its own for '{}'",                                                           \
      "此工作区没有“{}”的该自定义价格")                                                                                                                   \
    X(MSG_PRICES_MAX, ERR_CONFLICT, "A workspace has at most {} prices of its own; delete some first",                                                    \
      "每个工作区最多 {} 个自定义价格，请先删除一些")                                                                                                     \
    X(MSG_CURRENCY, ERR_VALIDATION,                                                                                                                       \
      "must be the three capital letters of a currency, such as CNY; not USD, which everything is counted in",                                            \
      "须为币种的三个大写字母代码，例如 CNY；不能是 USD，因为一切均以美元计")                                                                             \
    /* budgets and webhooks */                                                                                                                            \
    X(MSG_BUDGET_USER, ERR_VALIDATION, "'{}' is no member of this workspace", "“{}”不是此工作区的成员")                                                   \
    X(MSG_BUDGET_LEVELS, ERR_VALIDATION, "must be 1 to 10 whole numbers from 1 to 1000 (percent), each once",                                             \
      "须为 1 到 10 个互不相同的整数（百分比，1 到 1000）")                                                                                               \
    X(MSG_BUDGET_STARTS, ERR_VALIDATION, "is only for the period 'total'", "仅用于周期“total”")                                                           \
    X(MSG_BUDGET_STOPS_ALL, ERR_VALIDATION,                                                                                                               \
      "'stop' is for budgets without model and project: a secret is good for all of them",                                                                \
      "“stop”不能用于限定了模型或项目的预算：密钥对所有模型和项目都有效")                                                                                 \
    X(MSG_BUDGET_SWITCH_TO, ERR_VALIDATION, "is only for the action 'switch'", "仅用于动作“switch”")                                                      \
    X(MSG_BUDGET_SWITCH_PLATFORM, ERR_VALIDATION, "'switch' needs the platform whose profiles it is about",                                               \
      "“switch”需要指定平台")                                                                                                                             \
    X(MSG_BUDGET_SWITCH_SAME, ERR_VALIDATION, "must be another profile than the one that is counted",                                                     \
      "须不同于所统计的配置")                                                                                                                             \
    X(MSG_BUDGET_SWITCH_LEVEL, ERR_VALIDATION, "'switch' happens at 100 percent, which must be among them",                                               \
      "“switch”在达到 100% 时执行，因此须包含 100")                                                                                                       \
    X(MSG_BUDGET_TAKEN, ERR_CONFLICT, "There is a budget '{}' already", "预算“{}”已存在")                                                                 \
    X(MSG_BUDGETS_MAX, ERR_CONFLICT, "A workspace has at most {} budgets; delete some first",                                                             \
      "每个工作区最多 {} 个预算，请先删除一些")                                                                                                           \
    X(MSG_BUDGET_STOP, ERR_AUTHORIZATION,                                                                                                                 \
      "The budget '{}' is used up: until {} the secrets of the profiles that it counts "                                                                  \
      "are not handed out",                                                                                                                               \
      "预算“{}”已用尽：在 {} 之前不会提供其所涵盖配置的密钥")                                                                                             \
    X(MSG_BUDGET_STOP_TOTAL, ERR_AUTHORIZATION,                                                                                                           \
      "The budget '{}' is used up: until somebody raises it the secrets of the profiles that "                                                            \
      "it counts are not handed out",                                                                                                                     \
      "预算“{}”已用尽：在提高预算之前不会提供其所涵盖配置的密钥")                                                                                         \
    X(MSG_BUDGET_REACHED, ERR_EXTERNAL, "Budget '{}' of the workspace {} has reached {} %: {} of {} since {} (UTC)",                                      \
      "工作区预算“{}”（{}）已达到 {}%：已用 {}，总额 {}，自 {} 起（UTC）")                                                                                \
    X(MSG_BUDGET_REACHED_STOP, ERR_EXTERNAL,                                                                                                              \
      "Budget '{}' of the workspace {} has reached {} %: {} of {} since {} (UTC). The secrets "                                                           \
      "of the profiles that it counts are no longer handed out",                                                                                          \
      "工作区预算“{}”（{}）已达到 {}%：已用 {}，总额 {}，自 {} 起（UTC）。不再提供其所涵盖配置的密钥")                                                    \
    X(MSG_BUDGET_REACHED_SWITCH, ERR_EXTERNAL,                                                                                                            \
      "Budget '{}' of the workspace {} has reached {} %: {} of {} since {} (UTC). People switched to the profile '{}': {}",                               \
      "工作区预算“{}”（{}）已达到 {}%：已用 {}，总额 {}，自 {} 起（UTC）。切换到配置“{}”的人数：{}")                                                      \
    X(MSG_BUDGET_REACHED_NO_SWITCH, ERR_EXTERNAL,                                                                                                         \
      "Budget '{}' of the workspace {} has reached {} %: {} of {} since {} (UTC). Nobody was switched to the profile '{}': it is not there, or disabled", \
      "工作区预算“{}”（{}）已达到 {}%：已用 {}，总额 {}，自 {} 起（UTC）。未切换任何人：配置“{}”不存在或已停用")                                          \
    X(MSG_WEBHOOK_TEST, ERR_EXTERNAL, "A test: the workspace {} tells of its budgets here",                                                               \
      "测试消息：工作区 {} 将在此通知预算情况")                                                                                                           \
    X(MSG_WEBHOOK_TAKEN, ERR_CONFLICT, "There is a webhook '{}' already", "Webhook“{}”已存在")                                                            \
    X(MSG_WEBHOOKS_MAX, ERR_CONFLICT, "A workspace has at most {} webhooks; delete some first",                                                           \
      "每个工作区最多 {} 个 Webhook，请先删除一些")                                                                                                       \
    X(MSG_WEBHOOK_SECRET, ERR_VALIDATION, "such a webhook has none: its address is its secret",                                                           \
      "此类 Webhook 没有签名密钥：其地址本身即为密钥")                                                                                                    \
    X(MSG_CHECKIN_PATH, ERR_VALIDATION, "must begin with '/' and hold no blanks", "须以“/”开头且不含空白")                                                \
    X(MSG_CHECKIN_PROVIDER, ERR_VALIDATION, "must be the id of a check-in provider", "须为签到提供商的 ID")                                               \
    X(MSG_CHECKIN_COOKIE, ERR_VALIDATION, "is no name and value of a cookie", "不是有效的 Cookie 名称和值")                                               \
    X(MSG_CHECKIN_COOKIES, ERR_VALIDATION, "must be a JSON object of texts, name and value of each cookie",                                               \
      "须为 JSON 对象，包含各 Cookie 的名称和值")                                                                                                         \
    X(MSG_CHECKIN_BUILTIN, ERR_VALIDATION, "is none of the providers that come with the program", "不是内置提供商")                                       \
    X(MSG_CHECKIN_HAS_ACCOUNTS, ERR_CONFLICT, "The provider still has accounts, such as '{}'; delete them first",                                         \
      "该提供商仍有账号（如“{}”），请先删除账号")                                                                                                         \
    X(MSG_CHECKIN_DISABLED, ERR_CONFLICT,                                                                                                                 \
      "This server asks no check-in providers (CHECKIN_ENABLED is not set to true)",                                                                      \
      "本服务器不访问签到提供商（CHECKIN_ENABLED 未设为 true）")                                                                                          \
    X(MSG_CHECKIN_ANSWER, ERR_EXTERNAL, "The provider did not answer as expected: {}", "提供商未按预期响应：{}")                                          \
    X(MSG_CHECKIN_NO_COOKIES, ERR_CONFLICT, "'{}' has no cookies to log in with", "“{}”没有可用于登录的 Cookie")                                          \
    X(MSG_CHECKIN_NO_PATH, ERR_CONFLICT, "'{}' has no such path: it is asked for nothing of the kind",                                                    \
      "“{}”未设置相应路径")                                                                                                                               \
    X(MSG_CHECKIN_LOGIN, ERR_EXTERNAL, "it does not take the cookies (status {})", "Cookie 未被接受（状态码 {}）")                                        \
    X(MSG_CHECKIN_VERSION, ERR_VALIDATION, "is no export of check-ins in a version that is known: 1.0",                                                   \
      "不是可识别版本（1.0）的签到导出")                                                                                                                  \
    X(MSG_CHECKIN_REAUTH, ERR_VALIDATION, "'{}' comes without its cookies: enter them anew",                                                              \
      "“{}”不含 Cookie，请重新填写")

enum message {
    MSG_NONE,
#define X(name, code, en, zh) name,
    MESSAGE_LIST(X) MESSAGE_COUNT
#undef X
};

const char *error_code(enum error error);     /* "VALIDATION_ERROR"; "OK" for ERR_NONE */
int error_status(enum error error);           /* HTTP status; 200 for ERR_NONE */
enum message error_message(enum error error); /* the general message of a code */
enum error message_error(enum message message);
const char *message_text(enum message message, enum language language);
