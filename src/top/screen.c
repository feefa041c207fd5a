/* Theory of operation. ncurses writes what differs from what is there until the terminal took all of it, and a terminal may take
 * nothing (Ctrl-S, a connection that hangs): so a thread does that, while which ncurses is the thread's. What is to be drawn
 * meanwhile is left out, keys wait, and whoever ends the program does not wait for the thread. */
#include "tcplens/top/screen.h"

#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <locale.h>
#include <ncurses.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <term.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "tcplens/base/stop.h"

#define SIDE_MAX 1000 /* rows, and columns: more than any screen has */
#define ESCAPE_MS 25  /* that the rest of a key's sequence may take; ssh sends it in one piece */
#define REST_MS 200   /* that the last frame may take */

static struct {
    SCREEN *screen;
    FILE *keys; /* the terminal, where standard input is something else */
    bool colour;
    WINDOW *pad; /* that keys are read by */
    volatile sig_atomic_t hung_up;
    struct termios before;
    char restore[128]; /* what makes the terminal's screen what it was */
    pthread_t sender;
    bool has_sender;
    sem_t jobs;
    enum job { JOB_NONE, JOB_FRAME, JOB_LEAVE } job; /* none: it ends */
    atomic_bool sending;                             /* ncurses is the sender's */
} term;

static bool takes_output(void)
{
    struct pollfd p = { .fd = STDOUT_FILENO, .events = POLLOUT };

    return poll(&p, 1, 0) > 0;
}

/* What a handler may do, too: what there is to write was made before. A terminal that takes nothing keeps its picture. */
static bool restore(void)
{
    tcsetattr(STDOUT_FILENO, TCSANOW, &term.before);
    return takes_output() && write(STDOUT_FILENO, term.restore, strlen(term.restore)) >= 0;
}

/* ---- whatever ends the program */

static const int deadly[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGQUIT, SIGSYS };

/* A fault is then met again, without a handler; what was sent by somebody (signal(7): si_code) ends the program here. */
static void on_deadly(int number, siginfo_t *info, void *context)
{
    (void)context;
    if (!restore() || info->si_code <= 0 || info->si_code == SI_KERNEL)
        _exit(128 + number);
}

static void on_hangup(int number)
{
    (void)number;
    term.hung_up = true;
}

/* Who runs it under nohup(1) wants it to go on. */
static void notice_hangup(void)
{
    struct sigaction action;

    if (sigaction(SIGHUP, NULL, &action) == 0 && action.sa_handler != SIG_IGN)
        signal(SIGHUP, on_hangup);
}

/* A capability with a delay in it cannot be written as it is; no terminal of today has one in these. */
static void add_restoring(const char *capability)
{
    const char *text = tigetstr(capability);
    const size_t len = strlen(term.restore);

    if (text && text != (char *)-1 && !strstr(text, "$<"))
        snprintf(term.restore + len, sizeof(term.restore) - len, "%s", text);
}

static void prepare_for_the_worst(void)
{
    static const char *const capabilities[] = { "sgr0", "cnorm", "rmkx", "rmcup" };
    const struct sigaction action = { .sa_sigaction = on_deadly, .sa_flags = (int)SA_RESETHAND | SA_SIGINFO };

    for (size_t i = 0; i < sizeof(capabilities) / sizeof(*capabilities); i++)
        add_restoring(capabilities[i]);
    for (size_t i = 0; i < sizeof(deadly) / sizeof(*deadly); i++)
        sigaction(deadly[i], &action, NULL);
}

static void forget_the_worst(void)
{
    for (size_t i = 0; i < sizeof(deadly) / sizeof(*deadly); i++)
        signal(deadly[i], SIG_DFL);
}

/* ---- taking it */

int top_screen_check(char error[static TOP_SCREEN_ERROR_MAX])
{
    const char *type = getenv("TERM");
    int found;

    if (!isatty(STDOUT_FILENO)) {
        snprintf(error, TOP_SCREEN_ERROR_MAX, "standard output is no terminal: --once prints what there is, and ends");
        return -ENOTTY;
    }
    if (!type || !*type || setupterm(type, STDOUT_FILENO, &found) < 0) {
        snprintf(error, TOP_SCREEN_ERROR_MAX, "the terminal's type is not known (TERM=%.60s): set TERM, or use --once",
                 type ? type : "");
        return -ENOTTY;
    }
    if (!cursor_address || !clear_screen) {
        snprintf(error, TOP_SCREEN_ERROR_MAX,
                 "a terminal of type %.60s cannot put text anywhere: set TERM to what it is, or use --once", type);
        return -ENOTTY;
    }
    return 0;
}

/* What is drawn is UTF-8. A terminal of today takes it; whether the locale says so (LANG=C over ssh) is another matter. */
static void take_utf8(void)
{
    setlocale(LC_CTYPE, "");
    if (strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
        setlocale(LC_CTYPE, "C.UTF-8");
}

static void define_colours(void)
{
    static const short colours[LINE_STYLE_N] = {
        [STYLE_ALARM] = COLOR_RED, [STYLE_YELLOW] = COLOR_YELLOW,   [STYLE_GREEN] = COLOR_GREEN,
        [STYLE_BLUE] = COLOR_BLUE, [STYLE_MAGENTA] = COLOR_MAGENTA, [STYLE_CYAN] = COLOR_CYAN,
    };

    start_color();
    use_default_colors();
    for (int i = 0; i < LINE_STYLE_N; i++)
        if (colours[i])
            init_pair((short)i, colours[i], -1);
}

/* By a pad: whoever reads keys from a window draws it, too, and waits for the terminal. */
static int take_keys(char error[static TOP_SCREEN_ERROR_MAX])
{
    term.pad = newpad(1, 1);
    if (!term.pad) {
        top_screen_close();
        snprintf(error, TOP_SCREEN_ERROR_MAX, "out of memory");
        return -ENOMEM;
    }
    keypad(term.pad, TRUE);
    nodelay(term.pad, TRUE);
    return 0;
}

/* A picture costs memory by its size, which is whatever somebody says of a terminal (TIOCSWINSZ). */
static bool is_too_large(void)
{
    struct winsize size;

    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && (size.ws_row > SIDE_MAX || size.ws_col > SIDE_MAX);
}

int top_screen_open(bool colour, char error[static TOP_SCREEN_ERROR_MAX])
{
    if (is_too_large()) {
        snprintf(error, TOP_SCREEN_ERROR_MAX, "the terminal is too large: it has more than %d rows or columns",
                 SIDE_MAX);
        return -E2BIG;
    }
    take_utf8();
    if (!isatty(STDIN_FILENO) && !(term.keys = fopen("/dev/tty", "re"))) {
        snprintf(error, TOP_SCREEN_ERROR_MAX, "no terminal to read keys from: %s", strerror(errno));
        return -ENOTTY;
    }
    if (stop_poll(STDOUT_FILENO, POLLOUT) < 0) {
        snprintf(error, TOP_SCREEN_ERROR_MAX, "the terminal takes nothing");
        return -ECANCELED;
    }
    tcgetattr(STDOUT_FILENO, &term.before);
    term.screen = newterm(NULL, stdout, term.keys ? term.keys : stdin);
    if (!term.screen) {
        snprintf(error, TOP_SCREEN_ERROR_MAX, "cannot use this terminal (TERM=%.60s)", getenv("TERM"));
        return -ENOTTY;
    }
    prepare_for_the_worst();
    notice_hangup();
    term.colour = colour && has_colors();
    if (term.colour)
        define_colours();
    cbreak();
    noecho();
    nonl();
    curs_set(0);
    set_escdelay(ESCAPE_MS);
    return take_keys(error);
}

/* ---- the sender */

static void do_job(enum job job)
{
    if (job == JOB_FRAME)
        doupdate();
    else
        endwin();
}

static void *send_all(void *arg)
{
    (void)arg;
    while (sem_wait(&term.jobs) == 0 && term.job != JOB_NONE) {
        do_job(term.job);
        atomic_store(&term.sending, false);
    }
    return NULL;
}

static void mask(int how, int number)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, number);
    pthread_sigmask(how, &set, NULL);
}

/* Not before there is something to send: the process is confined by then, and so is the thread. What ncurses has handlers for
 * is not for it. */
static bool start_sender(void)
{
    if (term.has_sender)
        return true;
    mask(SIG_BLOCK, SIGWINCH);
    term.has_sender = sem_init(&term.jobs, 0, 0) == 0 && pthread_create(&term.sender, NULL, send_all, NULL) == 0;
    mask(SIG_UNBLOCK, SIGWINCH);
    return term.has_sender;
}

/* Ctrl-Z, which ncurses answers by giving the terminal back, waits for the sender. Where no thread can be made (RLIMIT_NPROC),
 * the work is done here. */
static void hand_over(enum job job)
{
    if (!start_sender()) {
        do_job(job);
        return;
    }
    mask(SIG_BLOCK, SIGTSTP);
    term.job = job;
    atomic_store(&term.sending, true);
    sem_post(&term.jobs);
}

static bool is_sending(void)
{
    const bool sending = atomic_load(&term.sending);

    if (!sending && takes_output())
        mask(SIG_UNBLOCK, SIGTSTP);
    return sending;
}

/* Waits a little for what is nearly sent. */
static bool has_sent(void)
{
    static const struct timespec pause = { .tv_nsec = 1000000 };

    for (int ms = 0; is_sending() && ms < REST_MS; ms++)
        nanosleep(&pause, NULL);
    return !is_sending();
}

static void stop_sender(void)
{
    if (!term.has_sender)
        return;
    term.job = JOB_NONE;
    sem_post(&term.jobs);
    pthread_join(term.sender, NULL);
    sem_destroy(&term.jobs);
    term.has_sender = false;
}

/* ---- giving it back */

/* False: the terminal does not take it. */
static bool leave(void)
{
    if (!has_sent())
        return false;
    hand_over(JOB_LEAVE);
    return has_sent();
}

void top_screen_leave(void)
{
    if (term.screen)
        (void)leave();
}

/* What a terminal that takes nothing holds up stays the sender's, until the program ends. */
void top_screen_close(void)
{
    const bool left = !term.screen || leave();

    if (!left) {
        restore();
    } else if (term.screen) {
        stop_sender();
        if (term.pad)
            delwin(term.pad);
        delscreen(term.screen);
    }
    if (left && term.keys)
        fclose(term.keys);
    if (term.screen)
        forget_the_worst();
    term.screen = NULL;
    term.pad = NULL;
    term.keys = NULL;
    *term.restore = '\0';
}

bool top_screen_is_gone(void)
{
    struct pollfd keys = { .fd = fileno(term.keys ? term.keys : stdin), .events = POLLIN };

    return term.hung_up || is_too_large() || (poll(&keys, 1, 0) > 0 && (keys.revents & (POLLHUP | POLLERR | POLLNVAL)));
}

/* ---- drawing */

static attr_t attributes(enum line_style style, bool inverse)
{
    attr_t a = inverse ? A_REVERSE : A_NORMAL;

    if (style == STYLE_BOLD || style == STYLE_ALARM)
        a |= A_BOLD;
    if (style == STYLE_DIM)
        a |= A_DIM;
    return a;
}

static void draw(void *arg, unsigned y, unsigned x, enum line_style style, bool inverse, const char *text)
{
    const short pair = term.colour && style > STYLE_DIM ? (short)style : 0;

    (void)arg;
    attr_set(attributes(style, inverse), pair, NULL);
    mvaddstr((int)y, (int)x, text);
}

void top_screen_paint(struct top_view *view, uint64_t now_ns)
{
    const struct top_paint paint = { .width = (unsigned)COLS, .height = (unsigned)LINES, .text = draw };

    if (is_sending())
        return;
    erase();
    top_view_paint(view, &paint, now_ns);
    wnoutrefresh(stdscr);
    hand_over(JOB_FRAME); /* what differs from what is there */
}

int top_screen_key(bool *ret_resized)
{
    const int key = is_sending() ? ERR : wgetch(term.pad);

    *ret_resized = key == KEY_RESIZE;
    switch (key) {
    case ERR:
    case KEY_RESIZE: return 0;
    case KEY_UP: return TOP_KEY_UP;
    case KEY_DOWN: return TOP_KEY_DOWN;
    case KEY_LEFT: return TOP_KEY_LEFT;
    case KEY_RIGHT: return TOP_KEY_RIGHT;
    case KEY_PPAGE: return TOP_KEY_PAGE_UP;
    case KEY_NPAGE: return TOP_KEY_PAGE_DOWN;
    case KEY_HOME: return TOP_KEY_HOME;
    case KEY_END: return TOP_KEY_END;
    case KEY_BACKSPACE:
    case 0x7f:
    case '\b': return TOP_KEY_BACKSPACE;
    case KEY_ENTER:
    case '\r':
    case '\n': return TOP_KEY_ENTER;
    case '\t': return TOP_KEY_TAB;
    case 0x1b: return TOP_KEY_ESCAPE;
    default: return key < 256 ? key : 0;
    }
}
