# ccr-ui-backend: `make` builds build/ccr-ui-backend; `make help` lists the rest.
VERSION := 0.1.0
PREFIX  ?= /usr/local
BUILD   ?= build
CC      ?= cc
CXX     ?= c++

PACKAGES := libpq jansson libjwt libsodium libsystemd libcurl
CPPFLAGS += -Iinclude -D_GNU_SOURCE -DCCR_VERSION='"$(VERSION)"' $(shell pkg-config --cflags $(PACKAGES))
WARNINGS := -Wall -Wextra -Werror -Wshadow -Wformat=2 -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
            -Wcast-qual -Wwrite-strings -Wvla -Wundef -Wimplicit-fallthrough -Wno-missing-field-initializers
OPTIMIZE ?= -O2 -g
HARDEN   ?= -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection -fPIE
SANITIZE ?=
CFLAGS   += -std=gnu17 $(OPTIMIZE) $(WARNINGS) $(HARDEN) $(SANITIZE) -MMD -MP
CXXFLAGS += -std=c++17 $(OPTIMIZE) -Wall -Wextra -Werror $(HARDEN) $(SANITIZE) -MMD -MP
LDFLAGS  += -pie -Wl,-z,relro,-z,now,-z,noexecstack $(SANITIZE)
LDLIBS   += -lfcgi $(shell pkg-config --libs $(PACKAGES)) -lstdc++

SOURCES  := $(sort $(wildcard src/*/*.c))
CXX_SRC  := $(wildcard src/base/*.cc)
OBJECTS  := $(SOURCES:%.c=$(BUILD)/%.o) $(CXX_SRC:%.cc=$(BUILD)/%.o) $(BUILD)/migrations.o
MIGRATIONS := $(sort $(wildcard sql/migrations/*.sql))
UNIT_TESTS := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(sort $(wildcard tests/unit/test_*.c)))
HANDLER_TESTS := $(patsubst tests/handlers/%.c,$(BUILD)/handlers/%,$(sort $(wildcard tests/handlers/test_*.c)))
FUZZERS  := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
FORMATTED := $(wildcard include/*.h src/*.c src/*/*.c src/base/*.cc tests/*/*.c tests/*/*.h)

.PHONY: all check check-layers lint format asan fuzz bench install clean help
all: $(BUILD)/ccr-ui-backend

help:
	@echo 'make            build/ccr-ui-backend'
	@echo 'make check      unit tests'
	@echo 'make lint       formatting, layers, banned calls, cppcheck, shellcheck, openapi, docs drift'
	@echo 'make format     clang-format in place'
	@echo 'make asan       build and unit tests with ASan + UBSan'
	@echo 'make fuzz       libFuzzer targets, FUZZ_SECONDS each (default 300)'
	@echo 'make bench      requests per second as ratios to a bare libfcgi program'
	@echo 'make install    DESTDIR= PREFIX=$(PREFIX)'
	@echo 'make clean'

$(BUILD)/ccr-ui-backend: $(OBJECTS) $(BUILD)/src/main.o
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

$(BUILD)/%.o: %.cc
	@mkdir -p $(@D)
	$(CXX) $(CPPFLAGS) $(CXXFLAGS) -c -o $@ $<

COMMIT      := $(shell git rev-parse --short=12 HEAD 2>/dev/null)
COMMIT_TIME := $(shell TZ=UTC git show -s --format=%cd --date=format-local:%Y-%m-%dT%H:%M:%SZ HEAD 2>/dev/null)
$(BUILD)/src/base/build_info.o: CPPFLAGS += $(if $(COMMIT),-DCCR_COMMIT='"$(COMMIT)"' -DCCR_COMMIT_TIME='"$(COMMIT_TIME)"')

# The SQL files travel inside the program, so that a checksum always means the file the program was built with.
$(BUILD)/migrations.c: $(MIGRATIONS) scripts/embed-migrations.sh
	@mkdir -p $(@D)
	scripts/embed-migrations.sh $(MIGRATIONS) > $@.tmp
	mv $@.tmp $@

$(BUILD)/migrations.o: $(BUILD)/migrations.c
	$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

$(BUILD)/unit/%: tests/unit/%.c $(OBJECTS)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $< $(OBJECTS) $(LDLIBS) -lcmocka

$(BUILD)/handlers/%: tests/handlers/%.c $(OBJECTS)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $< $(OBJECTS) $(LDLIBS) -lcmocka

check: $(UNIT_TESTS)
	@status=0; for t in $(UNIT_TESTS); do echo "== $${t##*/}"; $$t || status=1; done; exit $$status

clean:
	rm -rf $(BUILD) build-*

-include $(OBJECTS:.o=.d) $(BUILD)/src/main.d
