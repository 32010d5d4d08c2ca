# ccr-ui-backend: `make` builds build/ccr-ui-backend; `make help` lists the rest.
VERSION := 0.1.0
PREFIX  ?= /usr/local
BUILD   ?= build
CC      ?= cc
CXX     ?= c++

# What is in src/base and src/format runs on Linux and macOS alike, without a server: these packages and POSIX are all it knows.
PORTABLE_PACKAGES := jansson libsodium yaml-0.1
PACKAGES := $(PORTABLE_PACKAGES) libpq libjwt libsystemd libcurl hiredis libarchive zlib libwebsockets
CPPFLAGS += -Iinclude
PORTABLE_CPPFLAGS := $(CPPFLAGS) -D_POSIX_C_SOURCE=200809L -D_DARWIN_C_SOURCE $(shell pkg-config --cflags $(PORTABLE_PACKAGES))
CPPFLAGS += -D_GNU_SOURCE $(shell pkg-config --cflags $(PACKAGES))
WARNINGS := -Wall -Wextra -Werror -Wshadow -Wformat=2 -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
            -Wcast-qual -Wwrite-strings -Wvla -Wundef -Wimplicit-fallthrough -Wno-missing-field-initializers
OPTIMIZE ?= -O2 -g
HARDEN   ?= -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection -fPIE
SANITIZE ?=
CFLAGS   += -std=gnu17 $(OPTIMIZE) $(WARNINGS) $(HARDEN) $(SANITIZE) -MMD -MP
CXXFLAGS += -std=c++17 $(OPTIMIZE) -Wall -Wextra -Werror $(HARDEN) $(SANITIZE) -MMD -MP
LDFLAGS  += -pie -Wl,-z,relro,-z,now,-z,noexecstack $(SANITIZE)
LDLIBS   += -lfcgi $(shell pkg-config --libs $(PACKAGES))
LINK      = $(CXX) $(LDFLAGS) # src/base/toml_read.cc is C++

PORTABLE := $(sort $(wildcard src/base/*.c src/base/*.cc src/format/*.c))
SOURCES  := $(filter-out $(PORTABLE),$(sort $(wildcard src/*/*.c)))
PORTABLE_OBJECTS := $(addprefix $(BUILD)/,$(addsuffix .o,$(basename $(PORTABLE))))
OBJECTS  := $(SOURCES:%.c=$(BUILD)/%.o) $(BUILD)/migrations.o $(BUILD)/openapi_json.o $(BUILD)/presets_json.o $(BUILD)/prices_json.o
# Everything but main(), so that a test links only what it uses, and may bring its own of what it does not want.
LIBRARIES := $(BUILD)/libccr.a $(BUILD)/libccr_base.a
MIGRATIONS := $(sort $(wildcard sql/migrations/*.sql))
PRESETS    := $(sort $(wildcard presets/*/*.json))
tests     = $(patsubst tests/$(1)/%.c,$(BUILD)/$(1)/%,$(sort $(wildcard tests/$(1)/$(2)_*.c)))
UNIT_TESTS    := $(call tests,unit,test)
HANDLER_TESTS := $(call tests,handlers,test)
FUZZERS       := $(call tests,fuzz,fuzz)
HARNESS       := $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/handlers/harness*.c))
FORMATTED := $(wildcard include/*.h src/*.c src/*/*.c src/*/*.h src/base/*.cc tests/*.h tests/*/*.c tests/*/*.h)

ASAN_FLAGS := CC=clang CXX=clang++ OPTIMIZE='-O1 -g1 -fno-omit-frame-pointer' HARDEN=-fPIE
# One build by clang, with both sanitizers, for its warnings, the unit tests and the fuzzers. Where it is called, + hands on -j:
# make does not see $(MAKE) in a variable.
SANITIZED   = $(MAKE) BUILD=build-clang $(ASAN_FLAGS) \
              SANITIZE='-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all $(LLD)'
# Where it is installed: with the sanitizers' runtime in each of fifty programs, ld takes four times as long.
LLD         = $(if $(shell command -v ld.lld),-Wno-unused-command-line-argument -fuse-ld=lld)
FUZZ_SECONDS ?= 300
JOBS       ?= $(shell nproc)

# `make V=1` shows the commands.
ifeq ($(V),)
MAKEFLAGS += --no-print-directory
quiet = @echo '  $(1) $(subst $(BUILD)/,,$@)';
endif

.PHONY: all check handlers check-layers lint format asan clang fuzz fuzzers valgrind bench bench-against bench-abuse bench-docs soak docs install deb clean help
.SECONDARY:
all: $(BUILD)/ccr-ui-backend

help:
	@echo 'make            build/ccr-ui-backend; V=1 shows the commands'
	@echo 'make check      unit tests'
	@echo 'make handlers   builds the handler tests, which want TEST_DATABASE_URL (scripts/test.sh -k handlers runs them)'
	@echo 'make lint       both compilers, formatting, layers, portability, banned calls, statements, kinds alike, presets, cppcheck, clang-tidy, analyzer, shellcheck, openapi, docs'
	@echo 'make format     clang-format in place'
	@echo 'make asan       build and unit tests with ASan + UBSan'
	@echo 'make clang      build with clang, without warnings'
	@echo 'make fuzz       libFuzzer targets, FUZZ_SECONDS each (default 300)'
	@echo 'make valgrind   unit tests under valgrind'
	@echo 'make bench      speed as ratios to a bare libfcgi program, PHP-FPM and Fastify; BENCH_FLAGS=--fast, --rows NAMES …'
	@echo 'make bench-docs the same with growth tables, written to docs/performance.md'
	@echo 'make bench-against OLD=COMMIT  is this checkout slower than that commit? For noisy machines, too'
	@echo 'make bench-abuse what others feel while one user does his worst, as ratios to idle'
	@echo 'make soak       load with faults for SOAK_SECONDS (default 1800): no lost write, no wrong answer, no leak'
	@echo 'make docs       .env.example and the table in docs/configuration.md from that of settings, docs/images/layers.svg from the'
	@echo '                includes, docs/openapi.* and the table in docs/api.md from docs/openapi/ and the kinds (python3-yaml)'
	@echo 'make install    DESTDIR= PREFIX=$(PREFIX) UNITDIR=PREFIX/lib/systemd/system'
	@echo 'make deb        build/deb/ccr-ui-backend_$(VERSION)_ARCH.deb'
	@echo 'make clean'

# ---- building -------------------------------------------------------------------------------------------------------

$(BUILD)/ccr-ui-backend: $(BUILD)/src/main.o $(LIBRARIES)
	$(call quiet,LINK)$(LINK) -o $@ $^ $(LDLIBS)

$(BUILD)/libccr.a: $(OBJECTS)
$(BUILD)/libccr_base.a: $(PORTABLE_OBJECTS)
$(PORTABLE_OBJECTS): CPPFLAGS = $(PORTABLE_CPPFLAGS)
$(BUILD)/%.a:
	$(call quiet,AR  )rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(call quiet,CC  )$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

$(BUILD)/%.o: %.cc
	@mkdir -p $(@D)
	$(call quiet,CXX )$(CXX) $(CPPFLAGS) $(CXXFLAGS) -c -o $@ $<

COMMIT      := $(shell git rev-parse --short=12 HEAD 2>/dev/null)
COMMIT_TIME := $(shell TZ=UTC git show -s --format=%cd --date=format-local:%Y-%m-%dT%H:%M:%SZ HEAD 2>/dev/null)
$(BUILD)/src/base/build_info.o: Makefile
$(BUILD)/src/base/build_info.o: CPPFLAGS += -DCCR_VERSION='"$(VERSION)"' $(if $(COMMIT),-DCCR_COMMIT='"$(COMMIT)"' -DCCR_COMMIT_TIME='"$(COMMIT_TIME)"')

# The SQL files travel inside the program, so that a checksum always means the file the program was built with.
$(BUILD)/migrations.c: $(MIGRATIONS) scripts/embed-migrations.sh
	@mkdir -p $(@D)
	$(call quiet,SQL )scripts/embed-migrations.sh $(MIGRATIONS) > $@.tmp && mv $@.tmp $@

# So does the description of the API, which GET /api/openapi.json answers with. `make docs` writes it: no Python is needed here.
quoted = sed 's/["\\]/\\&/g; s/.*/"&"/'
$(BUILD)/openapi_json.c: docs/openapi.json
	@mkdir -p $(@D)
	$(call quiet,JSON)(echo '#include "openapi.h"'; echo 'const char openapi_json[] ='; $(quoted) $<; echo ';') > $@.tmp && mv $@.tmp $@

# And the presets, as one array.
$(BUILD)/presets_json.c: $(PRESETS) presets $(wildcard presets/*)
	@mkdir -p $(@D)
	$(call quiet,JSON)(echo '#include "presets.h"'; echo 'const char presets_json[] = "["'; \
	    comma=; for file in $(PRESETS); do echo "$$comma"; $(quoted) "$$file"; comma='","'; done; echo '"]";') > $@.tmp && mv $@.tmp $@

# The prices that are known before anybody fetches newer ones.
$(BUILD)/prices_json.c: presets/prices.json
	@mkdir -p $(@D)
	$(call quiet,JSON)(echo '#include "prices.h"'; echo 'const char prices_json[] ='; $(quoted) $<; echo ';') > $@.tmp && mv $@.tmp $@

$(BUILD)/migrations.o $(BUILD)/openapi_json.o $(BUILD)/presets_json.o $(BUILD)/prices_json.o: %.o: %.c
	$(call quiet,CC  )$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

clang:
	+@$(SANITIZED) all

# ---- tests ----------------------------------------------------------------------------------------------------------

$(BUILD)/unit/%: $(BUILD)/tests/unit/%.o $(LIBRARIES)
	@mkdir -p $(@D)
	$(call quiet,LINK)$(LINK) -o $@ $^ $(LDLIBS) -lcmocka

$(BUILD)/handlers/%: $(BUILD)/tests/handlers/%.o $(HARNESS) $(LIBRARIES)
	@mkdir -p $(@D)
	$(call quiet,LINK)$(LINK) -o $@ $^ $(LDLIBS) -lcmocka

$(BUILD)/fuzz/%: $(BUILD)/tests/fuzz/%.o $(LIBRARIES)
	@mkdir -p $(@D)
	$(call quiet,LINK)$(LINK) -fsanitize=fuzzer -o $@ $^ $(LDLIBS)

# What the readers of usage make of a file, for tests that compare totals.
$(BUILD)/usage-read: $(BUILD)/tests/tools/usage_read.o $(LIBRARIES)
	$(call quiet,LINK)$(LINK) -o $@ $^ $(LDLIBS)

check: $(UNIT_TESTS)
	@scripts/run-programs.sh -j $(JOBS) $(UNIT_TESTS)

handlers: $(HANDLER_TESTS)

asan:
	+@$(SANITIZED) check

# Not the giving back of glibc's own memory at the end: that would take from a thread of its resolver what it still uses.
VALGRIND := valgrind -q --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite --show-leak-kinds=definite \
            --run-libc-freeres=no --suppressions=tests/valgrind.supp
valgrind: $(UNIT_TESTS)
	@CCR_TEST_SHARE=7 scripts/run-programs.sh -j $(JOBS) --under '$(VALGRIND)' $(UNIT_TESTS)

fuzzers:
	+@$(SANITIZED) fuzzers-here

.PHONY: fuzzers-here
fuzzers-here: $(FUZZERS)

# New inputs and crashes stay in build-clang; what is worth keeping goes to tests/fuzz/corpus by hand.
fuzz: fuzzers
	@printf '%s\n' $(notdir $(FUZZERS)) | xargs -P $(JOBS) -I{} sh -c 'name={}; name=$${name#fuzz_}; \
	    mkdir -p build-clang/corpus/$$name; \
	    build-clang/fuzz/{} -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=2048 -verbosity=0 -print_final_stats=1 \
	        -artifact_prefix=build-clang/{}- build-clang/corpus/$$name tests/fuzz/corpus/$$name >build-clang/{}.log 2>&1 \
	    && echo "{}: $$(sed -n "s/^stat::number_of_executed_units: *//p" build-clang/{}.log) runs" \
	    || { tail -n 40 build-clang/{}.log; echo "{}: FAILED"; exit 1; }'

# ---- checks that run nothing ----------------------------------------------------------------------------------------

lint:
	@BUILD=$(BUILD) MAKE='$(MAKE)' LINT_WITHOUT='$(LINT_WITHOUT)' scripts/lint.sh

check-layers:
	@scripts/check-layers.sh
	@MAKE='$(MAKE)' scripts/check-portable.sh

format:
	clang-format -i $(FORMATTED)

docs: $(BUILD)/ccr-ui-backend
	$< settings --format markdown | sed -i '/^<!-- settings/,/^<!-- end/{//!d};/^<!-- settings/r /dev/stdin' docs/configuration.md
	$< settings --format env > .env.example
	scripts/draw-layers.py > docs/images/layers.svg
	scripts/openapi.py $(BUILD)/ccr-ui-backend

# ---- installing -----------------------------------------------------------------------------------------------------

SHARE = $(DESTDIR)$(PREFIX)/share
UNITDIR ?= $(PREFIX)/lib/systemd/system
LIBEXEC = $(DESTDIR)$(PREFIX)/lib/ccr-ui-backend
SCRIPT_PARTS := $(wildcard scripts/lib.sh scripts/database.sh)
INSTALLED_SCRIPTS := $(wildcard $(patsubst %,scripts/%.sh,setup render-nginx backup restore update))
install: $(BUILD)/ccr-ui-backend
	install -D -m 755 $< $(DESTDIR)$(PREFIX)/bin/ccr-ui-backend
	install -d $(LIBEXEC) $(DESTDIR)$(PREFIX)/sbin $(SHARE)/ccr-ui-backend/nginx $(SHARE)/doc/ccr-ui-backend $(SHARE)/man/man1 $(SHARE)/man/man8
	install -m 755 $(INSTALLED_SCRIPTS) $(LIBEXEC)
	install -m 644 $(SCRIPT_PARTS) $(LIBEXEC)
	ln -sf ../lib/ccr-ui-backend/setup.sh $(DESTDIR)$(PREFIX)/sbin/ccr-ui-setup
	install -m 755 scripts/ccr-ui-user.sh $(DESTDIR)$(PREFIX)/bin/ccr-ui-user
	install -m 755 scripts/ccr-usage-push $(DESTDIR)$(PREFIX)/bin/ccr-usage-push
	install -m 644 $(wildcard nginx/*) $(SHARE)/ccr-ui-backend/nginx
	cp -r --preserve=mode --no-preserve=ownership web $(SHARE)/ccr-ui-backend
	chmod -R u=rwX,go=rX $(SHARE)/ccr-ui-backend/web
	install -m 644 $(wildcard docs/*.md docs/*.yaml README.md CHANGELOG.md LICENSE) $(SHARE)/doc/ccr-ui-backend
	install -d $(SHARE)/doc/ccr-ui-backend/deployment $(SHARE)/doc/ccr-ui-backend/images
	install -m 644 $(wildcard docs/deployment/*.md) $(SHARE)/doc/ccr-ui-backend/deployment
	install -m 644 $(wildcard docs/images/*.svg docs/images/*.png) $(SHARE)/doc/ccr-ui-backend/images
	install -m 644 .env.example $(SHARE)/doc/ccr-ui-backend/env.example
	install -m 644 deploy/logrotate/ccr-ui-backend $(SHARE)/doc/ccr-ui-backend/logrotate.example
	install -m 644 deploy/cron/ccr-ui-backup $(SHARE)/doc/ccr-ui-backend/cron.example
	install -m 644 deploy/cron/ccr-ui-housekeeping $(SHARE)/doc/ccr-ui-backend/cron-housekeeping.example
	sed -i 's|/usr/local/|$(PREFIX)/|g' $(SHARE)/doc/ccr-ui-backend/cron*.example
	install -d $(SHARE)/doc/ccr-ui-backend/monitoring
	install -m 644 $(wildcard deploy/monitoring/*) $(SHARE)/doc/ccr-ui-backend/monitoring
	install -m 644 $(wildcard docs/man/*.1) $(SHARE)/man/man1
	install -m 644 $(wildcard docs/man/*.8) $(SHARE)/man/man8
	install -d $(DESTDIR)$(UNITDIR)
	install -m 644 $(wildcard systemd/*.service systemd/*.socket systemd/*.timer) $(DESTDIR)$(UNITDIR)
	sed -i 's|/usr/local/|$(PREFIX)/|g' $(DESTDIR)$(UNITDIR)/ccr-ui-*

# Needs debhelper and the packages it builds with; VERSION=x.y.z gives it another version.
deb:
	@scripts/build-deb.sh $(VERSION)

clean:
	rm -rf $(BUILD) build-*

-include $(OBJECTS:.o=.d) $(PORTABLE_OBJECTS:.o=.d) $(BUILD)/src/main.d $(wildcard $(BUILD)/tests/*/*.d)

# ---- measuring ------------------------------------------------------------------------------------------------------

$(BUILD)/bench/baseline: tests/bench/baseline.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) -O2 -g -Wall -Wextra -o $@ $< -lfcgi -lpq

# BENCH_FLAGS='--rows live,php-* --fast' and the like; scripts/bench.sh --help has them all.
bench:
	@scripts/bench.sh $(BENCH_FLAGS)

bench-docs:
	@scripts/bench.sh --growth --write-docs docs/performance.md $(BENCH_FLAGS)

OLD ?= HEAD
bench-against:
	@scripts/bench.sh against $(OLD) $(BENCH_FLAGS)

bench-abuse:
	@scripts/bench.sh abuse $(BENCH_FLAGS)

SOAK_SECONDS ?= 1800
soak:
	@scripts/bench.sh soak --seconds $(SOAK_SECONDS) $(SOAK_FLAGS)
