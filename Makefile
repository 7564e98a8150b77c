# bench - `make` leaves ./bench, objects go to build/. `make help` lists the targets.
#
# Sources are found by wildcard: a new file in harness/, methods/ or experiments/ needs no line here, nor does a new test.
# Only `make deps` installs anything; `make test` and `make demo` call it when something is missing.

VERSION  := 0.1
PREFIX   ?= /usr/local
DESTDIR  ?=
BUILD    ?= build
BIN      ?= bench
ifeq ($(origin CC),default)
CC       := gcc
endif
CFLAGS   ?= -O3 -g
SAN      ?=

ifeq ($(MAKELEVEL),0)
MAKEFLAGS += -j$(shell nproc 2>/dev/null || echo 2)
endif
MAKEFLAGS += --no-builtin-rules --no-print-directory
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:

# ---- packages (Debian 12 names) --------------------------------------------------------------------------------
# Libraries are asked of dpkg; tools count as present wherever they come from.
DEB_LIBS  := libopenblas-serial-dev libyaml-dev libsqlite3-dev libjansson-dev libpcre2-dev libutf8proc-dev libssl-dev \
             libcurl4-openssl-dev libc6-dev wordnet-base
DEB_TOOLS := gcc:gcc make:make pkg-config:pkg-config gnuplot:gnuplot-nox python3:python3 pip3:python3-pip
# What only the tests need.
TEST_LIBS  := libcmocka-dev
TEST_TOOLS := bats:bats clang-format:clang-format
PKGS      := yaml-0.1 sqlite3 jansson libpcre2-8 libutf8proc libcrypto openblas
# Compiled against, but loaded only by the command that needs it (harness/hub/hub_curl.c): linked, it would slow every start down.
PKGS_LAZY := libcurl

# The serial OpenBLAS is preferred at build and at run time whatever Debian's alternatives say: bench runs its own threads.
SERIAL_PC  := $(firstword $(wildcard /usr/lib/*/openblas-serial/pkgconfig))
PKG_CONFIG := $(if $(SERIAL_PC),PKG_CONFIG_PATH=$(SERIAL_PC):$$PKG_CONFIG_PATH )pkg-config
PKG_CFLAGS := $(shell $(PKG_CONFIG) --cflags $(PKGS) $(PKGS_LAZY) 2>/dev/null)
PKG_LIBS   := $(shell $(PKG_CONFIG) --libs $(PKGS) 2>/dev/null)
LAZY_FOUND := $(shell $(PKG_CONFIG) --exists $(PKGS_LAZY) && echo yes)
BLAS_DIR   := $(patsubst %/pkgconfig,%,$(SERIAL_PC))

ALL_CFLAGS  = -std=gnu11 -D_GNU_SOURCE $(CFLAGS) -Wall -Wextra -Wshadow -I. -fopenmp -MMD -MP $(PKG_CFLAGS)
ALL_LDFLAGS = -fopenmp $(LDFLAGS) $(BLAS_DIR:%=-Wl,-rpath,%)
ALL_LIBS    = $(PKG_LIBS) -lm
ifneq ($(SAN),)
ALL_CFLAGS  += -fsanitize=address,undefined -fno-omit-frame-pointer -fno-sanitize-recover=undefined
ALL_LDFLAGS += -fsanitize=address,undefined
endif

# Everything is written beside and renamed: a build that is stopped, or two at once, leave nothing half done.

# ---- sources ---------------------------------------------------------------------------------------------------
SRC  := $(sort $(shell find harness methods experiments -name '*.c'))
SRC  := $(filter-out %/_template.c %.inc.c,$(SRC))
# In obj/, so that no folder looks like the top of the source tree (share_dir in util.c).
OBJ  := $(SRC:%.c=$(BUILD)/obj/%.o)
CORE := $(filter-out $(BUILD)/obj/harness/main.o,$(OBJ))

FUZZ_SRC := $(sort $(wildcard tests/fuzz/fuzz_*.c))
FUZZ_BIN := $(FUZZ_SRC:%.c=$(BUILD)/%)
TEST_SRC := $(sort $(wildcard tests/unit/*.c tests/grad/*.c tests/methods/*.c tests/golden/*.c tests/statistics/*.c)) $(FUZZ_SRC)
TEST_BIN := $(TEST_SRC:%.c=$(BUILD)/%)
PARITY_BIN := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/parity/*.c))
PERF_BIN := $(patsubst %.c,$(BUILD)/%,$(sort $(wildcard tests/perf/*.c)))
SMOKE    := experiments/models/smoke/make_smoke.py

.PHONY: all docs deps test test-built check fuzz parity mutate perf demo install uninstall clean help tests-bin force need-pkgs
all: $(BIN) $(if $(wildcard $(SMOKE)),build/share/.made)

$(BIN): $(OBJ)
	@echo "  link $@"
	@$(CC) $(ALL_CFLAGS) $(OBJ) -o $@.$$$$ $(ALL_LDFLAGS) $(ALL_LIBS) && mv $@.$$$$ $@

$(BUILD)/obj/%.o: %.c | need-pkgs build/schema.inc build/version.h
	@mkdir -p $(@D)
	@echo "  cc   $<"
	@$(CC) $(ALL_CFLAGS) -MF $(@:.o=.d) -MT $@ -c $< -o $@.$$$$ && mv $@.$$$$ $@

# Tests link what they use of everything but main.c.
$(BUILD)/libbench.a: $(CORE)
	@ar rcs $@.$$$$ $(CORE) && mv $@.$$$$ $@

$(TEST_BIN) $(PARITY_BIN) $(PERF_BIN): $(BUILD)/%: $(BUILD)/obj/%.o $(BUILD)/libbench.a
	@mkdir -p $(@D)
	@echo "  link $@"
	@$(CC) $(ALL_CFLAGS) $^ -o $@.$$$$ $(ALL_LDFLAGS) $(ALL_LIBS) -lcmocka && mv $@.$$$$ $@
$(FUZZ_BIN): $(BUILD)/obj/tests/fuzz/replay.o
.SECONDARY:

need-pkgs:
	@$(if $(and $(PKG_LIBS),$(LAZY_FOUND)),:,echo "libraries are missing ($(PKGS) $(PKGS_LAZY)): run 'make deps'" >&2; exit 1)

# One C string literal per line of SQL.
build/schema.inc: $(wildcard harness/record/schema.sql)
	@mkdir -p build
	@{ echo "static const char schema_sql[] ="; \
	   sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/.*/    "&\\n"/' $(wildcard harness/record/schema.sql) /dev/null; \
	   echo '    "";'; } > $@

# Written anew only when it changes, so that nothing recompiles for nothing.
build/version.h: force
	@mkdir -p build
	@id=$$(GIT_OPTIONAL_LOCKS=0 git describe --always --dirty --abbrev=10 --exclude='*' 2>/dev/null); \
	 { echo "/* made by the Makefile */"; \
	   echo "#define BENCH_VERSION \"$(VERSION)$${id:+-g$$id}\""; \
	   echo "#define BENCH_CFLAGS \"$(CFLAGS)\""; } > $@.new; \
	 if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi

# The small model and data of sweeps/smoke.yaml: made, not downloaded.
build/share/.made: $(SMOKE)
	@mkdir -p build/share
	@echo "  make build/share"
	@python3 $(SMOKE) --models build/share/models --data build/share/data
	@touch $@

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

# ---- dependencies ----------------------------------------------------------------------------------------------
# Prints the packages that are missing, one a line. $(call MISSING,libraries,tools)
MISSING = { for p in $(1); do dpkg-query -W -f='$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || echo $$p; done; \
  for t in $(2); do command -v $${t%%:*} >/dev/null || echo $${t\#\#*:}; done; }
MISSING_BUILD = $(call MISSING,$(DEB_LIBS),$(DEB_TOOLS))
MISSING_ALL   = $(call MISSING,$(DEB_LIBS) $(TEST_LIBS),$(DEB_TOOLS) $(TEST_TOOLS))

deps:
	@missing=$$($(MISSING_ALL)); \
	 if [ -z "$$missing" ]; then echo "deps: everything is installed"; exit 0; fi; \
	 echo "deps: installing" $$missing; \
	 if [ "$$(id -u)" = 0 ]; then as=; elif command -v sudo >/dev/null; then as=sudo; \
	 else echo "deps: neither root nor sudo: ask an administrator to run: apt-get install" $$missing >&2; exit 3; fi; \
	 $$as apt-get update -q && $$as env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends $$missing

DEPS_IF_MISSING = @[ -z "$$($(1))" ] || $(MAKE) deps

# ---- tests -----------------------------------------------------------------------------------------------------
# A second make, because pkg-config may have appeared only now.
test:
	$(call DEPS_IF_MISSING,$(MISSING_ALL))
	@$(MAKE) test-built

tests-bin: $(TEST_BIN) $(PARITY_BIN)
test-built: all $(BIN) $(TEST_BIN) $(PARITY_BIN)
	@BUILD=$(BUILD) BENCH=$(abspath $(BIN)) tests/run.sh $(TESTS)

check:
	@command -v valgrind >/dev/null || { echo "make check needs valgrind: apt-get install valgrind" >&2; exit 3; }
	$(call DEPS_IF_MISSING,$(MISSING_ALL))
	@echo "== address and undefined behaviour sanitizers"
	@ASAN_OPTIONS=detect_leaks=1 OPENBLAS_NUM_THREADS=1 TEST_TIMEOUT=1800 \
	 $(MAKE) BUILD=build/asan BIN=build/asan/bench SAN=1 CFLAGS="-O1 -g" test-built
	@echo "== valgrind"
	@$(MAKE) tests-bin
	@BENCH_CPU=avx2 OPENBLAS_CORETYPE=Haswell TEST_TIMEOUT=1800 \
	 TEST_WRAP="valgrind -q --error-exitcode=99 --leak-check=no --trace-children=no" BUILD=$(BUILD) BENCH=$(abspath $(BIN)) \
	 tests/run.sh $(VALGRIND_TESTS)
	@echo "== verdicts, many sweeps"
	@SIMULATION=long TEST_TIMEOUT=3600 BUILD=$(BUILD) BENCH=$(abspath $(BIN)) tests/run.sh tests/statistics/test_simulation.c
	@echo "== fuzzing"
	@if command -v clang >/dev/null; then $(MAKE) fuzz FUZZ_SECONDS=20; \
	 else echo "left out: it needs clang and libFuzzer: apt-get install clang libclang-rt-14-dev"; fi
# Parsers and bookkeeping: where memory errors would hide. The kernels are the sanitizers' (valgrind knows no AVX-512), and no terabyte of
# address space fits into it (test_mem, and what trains or generates).
VALGRIND_TESTS ?= $(filter-out $(addprefix tests/unit/,test_kernels% test_panel% test_mem% test_glosses% test_plot% test_train% test_pending% test_generate% test_awake%),\
                    $(wildcard tests/unit/*.c))

# Each target for FUZZ_SECONDS under libFuzzer with sanitizers, one after the other. What reads the input is compiled by clang; the rest is the
# ordinary build's. New inputs gather in build/fuzz/TARGET; what fails is left there as crash-*, and the build's own tests/fuzz/fuzz_TARGET
# replays it.
FUZZ_SECONDS ?= 600
FUZZ_TARGETS ?= $(FUZZ_SRC:tests/fuzz/fuzz_%.c=%)
FUZZ_READERS := $(wildcard $(addprefix harness/,nn/text/*.c nn/format/*.c config/*.c sweep/*.c core/target.c base/err.c base/util.c) \
                  $(addprefix experiments/data/,data.c jsonrow.c rows.c template.c textrows.c))
FUZZ_FLAGS   := -std=gnu11 -D_GNU_SOURCE -O1 -g -I. -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined

fuzz: all $(FUZZ_TARGETS:%=build/fuzz/fuzz_%)
	@set -e; for t in $(FUZZ_TARGETS); do \
	   echo "== $$t: $(FUZZ_SECONDS) s"; mkdir -p build/fuzz/$$t; \
	   build/fuzz/fuzz_$$t -max_total_time=$(FUZZ_SECONDS) -timeout=20 -rss_limit_mb=4096 -max_len=65536 -verbosity=0 -print_final_stats=1 \
	     -artifact_prefix=build/fuzz/$$t/ build/fuzz/$$t tests/fuzz/corpus/$$t; \
	 done
build/fuzz/obj/%.o: %.c | $(BUILD)/libbench.a
	@command -v clang >/dev/null || { echo "make fuzz needs clang and libFuzzer: apt-get install clang libclang-rt-14-dev" >&2; exit 3; }
	@mkdir -p $(@D)
	@echo "  clang $<"
	@clang $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link $(PKG_CFLAGS) -MMD -MP -c $< -o $@
build/fuzz/fuzz_%: build/fuzz/obj/tests/fuzz/fuzz_%.o $(FUZZ_READERS:%.c=build/fuzz/obj/%.o) $(BUILD)/libbench.a
	@echo "  link $@"
	@clang -fsanitize=fuzzer,address,undefined $^ -o $@ $(LDFLAGS) $(BLAS_DIR:%=-Wl,-rpath,%) $(PKG_LIBS) -l:libgomp.so.1 -lm

# Live against PyTorch + PEFT, which go into an environment of their own outside the tree (PARITY_VENV).
parity: all $(PARITY_BIN)
	@BUILD=$(BUILD) BENCH=$(abspath $(BIN)) tests/parity/run.sh

# Breaks the code in small ways, one at a time, and shows that the tests notice.
mutate: all $(TEST_BIN)
	@tests/mutate.sh $(MUTATIONS)

perf: all $(PERF_BIN)
	@$(if $(PERF_BIN),set -e; for b in $(PERF_BIN); do echo "== $$b"; $$b; done,echo "tests/perf holds no programs")
	@./$(BIN) doctor

demo:
	$(call DEPS_IF_MISSING,$(MISSING_BUILD))
	@$(MAKE) all
	./bench pull smollm2-135m
	./bench run sweeps/rank.yaml
	./bench show rank
	@echo; echo "Plots:"; ls -1 $(CURDIR)/results/plots/*.png $(CURDIR)/results/plots/*.svg 2>/dev/null || true

# ---- installing ------------------------------------------------------------------------------------------------
BINDIR   = $(DESTDIR)$(PREFIX)/bin
SHAREDIR = $(DESTDIR)$(PREFIX)/share/bench
MANDIR   = $(DESTDIR)$(PREFIX)/share/man/man1
# Where each shell looks for the completion of `bench`.
COMPLETIONS = $(DESTDIR)$(PREFIX)/share/bash-completion/completions/bench \
              $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_bench \
              $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/bench.fish

# All are made of the commands' own rows.
build/bench.1: $(BIN)
	@./$(BIN) help --man > $@.new && mv $@.new $@
build/completion.%: $(BIN)
	@./$(BIN) completion $* > $@.new && mv $@.new $@

install: all build/bench.1 build/completion.bash build/completion.zsh build/completion.fish
	install -d $(BINDIR) $(SHAREDIR) $(MANDIR)
	install -m 755 $(BIN) $(BINDIR)/bench
	install -m 644 LICENSE $(SHAREDIR)/LICENSE
	install -m 644 build/bench.1 $(MANDIR)/bench.1
	install -D -m 644 build/completion.bash $(word 1,$(COMPLETIONS))
	install -D -m 644 build/completion.zsh $(word 2,$(COMPLETIONS))
	install -D -m 644 build/completion.fish $(word 3,$(COMPLETIONS))
	@cd experiments && for d in sweeps plots data tables; do \
	   find $$d -type f ! -name '*.[ch]' ! -name '*.def' ! -name '*.py' ! -name '.*' -exec install -D -m 644 {} $(abspath $(SHAREDIR))/{} \; ; \
	 done
	@if [ -d build/share ]; then cd build/share && \
	   find models data -type f -exec install -D -m 644 {} $(abspath $(SHAREDIR))/{} \; ; fi

uninstall:
	rm -f $(BINDIR)/bench $(MANDIR)/bench.1 $(COMPLETIONS)
	rm -rf $(SHAREDIR)

# What is made of the option rows: a test compares them.
docs: all
	./$(BIN) help --markdown > docs/commands.md
	./$(BIN) help sweep --markdown > docs/sweep.md

clean:
	rm -rf build bench

help:
	@echo "make             build ./bench"
	@echo "make deps        install what is missing (apt-get; sudo where not root)"
	@echo "make demo        fetch SmolLM2-135M-Instruct, run sweeps/rank.yaml, show the results"
	@echo "make test        build and run every test    (TESTS='tests/unit/test_err.c ...' for some)"
	@echo "make check       the tests under sanitizers, a part of them under valgrind, and short fuzzing"
	@echo "make fuzz        every reader of files under libFuzzer    (FUZZ_SECONDS=$(FUZZ_SECONDS) each; FUZZ_TARGETS='gguf ...' for some)"
	@echo "make parity      every method against PyTorch + PEFT, live    (PARITY_VENV, PARITY_SEED)"
	@echo "make mutate      break the code in small ways and show that the tests notice each"
	@echo "make perf        measure"
	@echo "make docs        write docs/commands.md and docs/sweep.md anew, from the option rows"
	@echo "make install     PREFIX=$(PREFIX) DESTDIR=$(DESTDIR)      make uninstall"
	@echo "make clean"
