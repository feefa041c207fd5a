#include "lab_job.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tcplens/base/cleanup.h"
#include "tcplens/base/log.h"
#include "tcplens/base/printable.h"
#include "tcplens/lab/library.h"

static const char *const file_names[1 + LAB_LANGUAGES] = { "lab.json", "guide.en.md", "guide.zh.md" };

enum lab_language lab_language(const struct lab_options *options)
{
    static const char *const names[] = { "LC_ALL", "LC_MESSAGES", "LANG" };

    if (options->language)
        return (enum lab_language)(options->language - 1);
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        const char *value = getenv(names[i]);

        if (value && *value)
            return strncmp(value, "zh", 2) == 0 ? LAB_CHINESE : LAB_ENGLISH;
    }
    return LAB_ENGLISH;
}

/* A whole file, with a NUL at its end, for the caller to free(). NULL: what is wrong was told. */
static char *read_file(const char *folder, const char *name)
{
    char path[4096], *text = NULL;
    struct stat st;
    ssize_t n;

    snprintf(path, sizeof(path), "%s/%s", folder, name);

    CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK); /* a FIFO is refused below */

    if (fd < 0 || fstat(fd, &st) < 0) {
        log_error("cannot read %s: %s", path, strerror(errno));
        return NULL;
    }
    if (!S_ISREG(st.st_mode) || st.st_size >= LAB_FILE_MAX) {
        log_error("%s: should be a file of less than %u bytes", path, LAB_FILE_MAX);
        return NULL;
    }
    text = calloc(1, (size_t)st.st_size + 1);
    n = text ? read(fd, text, (size_t)st.st_size) : -1;
    if (n < 0 || strlen(text) != (size_t)n) {
        log_error(n < 0 ? "cannot read %s: %s" : "%s: holds a byte that no text has", path, strerror(errno));
        free(text);
        return NULL;
    }
    return text;
}

static const struct library_lab *find_ours(const char *name, size_t len)
{
    for (const struct library_lab *l = library_labs; l->name; l++)
        if (strlen(l->name) == len && strncmp(l->name, name, len) == 0)
            return l;
    return NULL;
}

/* With the slash that a completion puts behind a folder's name, though no folder is called so here. */
static size_t length_without_slash(const char *name)
{
    const size_t len = strcspn(name, "/");

    return name[len] == '/' && !name[len + 1] && access(name, F_OK) < 0 ? len : strlen(name);
}

/* The slashes at its end are those of a completion. */
static int read_folder(const char *path, struct lab_files *f)
{
    size_t len = strlen(path);

    while (len > 1 && path[len - 1] == '/')
        len--;
    f->folder = strndup(path, len);
    if (!f->folder) {
        log_error("out of memory");
        return EXIT_FAILED;
    }
    f->where = f->folder;
    for (unsigned i = 0; i < 1 + LAB_LANGUAGES; i++) {
        f->owned[i] = read_file(f->folder, file_names[i]);
        if (!f->owned[i])
            return EXIT_FAILED;
    }
    f->lab = f->owned[0];
    for (unsigned i = 0; i < LAB_LANGUAGES; i++)
        f->guides[i] = f->owned[1 + i];
    return EXIT_DONE;
}

/* Those that have the word in their names, into list; false: none. */
static bool named_like(const char *word, char list[static 512])
{
    size_t len = 0;

    for (const struct library_lab *l = library_labs; l->name; l++)
        if (*word && strstr(l->name, word) && len < 512)
            len += (size_t)snprintf(list + len, 512 - len, "%s%s", len ? ", " : "", l->name);
    return len;
}

static int refuse_name(const char *name)
{
    const char *names[512] = { NULL }, *nearest;
    char list[512];
    size_t n = 0;

    for (const struct library_lab *l = library_labs; l->name && n < sizeof(names) / sizeof(*names); l++)
        names[n++] = l->name;
    nearest = options_nearest(name, names, n);
    if (named_like(name, list))
        return command_usage_error("lab", "there is no lab '%.60s'; there is %s", name, list);
    if (nearest)
        return command_usage_error("lab", "there is no lab '%.60s' (did you mean '%s'?)", name, nearest);
    return command_usage_error(
        "lab", "there is no lab '%.60s': --list shows them; a folder of your own has a slash in its path", name);
}

static int take_ours(const struct library_lab *ours, struct lab_files *ret_files)
{
    *ret_files = (struct lab_files){ .where = ours->name, .lab = ours->lab, .guides = { ours->en, ours->zh } };
    return EXIT_DONE;
}

bool lab_files_ours(const char *name, struct lab_files *ret_files)
{
    const struct library_lab *ours = find_ours(name, strlen(name));

    return ours && take_ours(ours, ret_files) == EXIT_DONE;
}

int lab_files_find(const char *name, struct lab_files *ret_files)
{
    const struct library_lab *ours = find_ours(name, length_without_slash(name));

    if (ours)
        return take_ours(ours, ret_files);
    *ret_files = (struct lab_files){ .where = name };
    return strchr(name, '/') ? read_folder(name, ret_files) : refuse_name(name);
}

static void free_files(struct lab_files *files)
{
    for (unsigned i = 0; i < 1 + LAB_LANGUAGES; i++)
        free(files->owned[i]);
    free(files->folder);
}

static void print_row(const struct library_lab *l, enum lab_language language)
{
    char error[LAB_ERROR_MAX];
    struct guide *guide = NULL;
    struct lab *lab = NULL;

    if (guide_new(language == LAB_CHINESE ? l->zh : l->en, &guide) == 0 &&
        lab_load(l->lab, NULL, NULL, &lab, error) == 0)
        printf("%-24s %s%s\n", l->name, guide_title(guide), lab->needs_root || lab->needs_kernel ? "  (root)" : "");
    guide_free(guide);
    lab_free(lab);
}

void lab_files_list(enum lab_language language, bool names)
{
    for (const struct library_lab *l = library_labs; l->name; l++) {
        if (names)
            puts(l->name);
        else
            print_row(l, language);
    }
}

/* "./own/lab.json: ": where a folder has its files. Of a lab of ours that is its name. */
static void tell_fault(const struct lab_job *job, const char *file, const char *error)
{
    const bool folder = job->files.folder;

    log_error("%s%s%s: %s", job->files.where, folder ? "/" : "", folder ? file : "", error);
}

/* A guide is shown as it is. */
static int check_text(const char *text, char error[static GUIDE_ERROR_MAX])
{
    const char *fault = printable_fault(text);
    unsigned line = 1;

    if (!fault)
        return 0;
    for (; text < fault; text++)
        line += *text == '\n';
    snprintf(error, GUIDE_ERROR_MAX, "line %u: the byte 0x%02x begins what a terminal obeys, or is none of a text",
             line, (unsigned char)*fault);
    return -EINVAL;
}

static int load_guide(struct lab_job *job, enum lab_language language, struct guide **ret_guide)
{
    char error[GUIDE_ERROR_MAX];

    if (check_text(job->files.guides[language], error) < 0) {
        tell_fault(job, file_names[1 + language], error);
        return EXIT_FAILED;
    }
    if (guide_new(job->files.guides[language], ret_guide) < 0) {
        log_error("out of memory");
        return EXIT_FAILED;
    }
    if (guide_check(*ret_guide, job->lab, error) == 0)
        return EXIT_DONE;
    tell_fault(job, file_names[1 + language], error);
    *ret_guide = guide_free(*ret_guide);
    return EXIT_FAILED;
}

/* Each is read, for whoever writes one: the page has both. */
static int load_guides(struct lab_job *job)
{
    int status = EXIT_DONE;

    for (unsigned i = 0; i < LAB_LANGUAGES && status == EXIT_DONE; i++) {
        struct guide *guide = NULL;

        status = load_guide(job, (enum lab_language)i, &guide);
        if (i == job->language)
            job->guide = guide;
        else
            guide_free(guide);
    }
    return status;
}

int lab_job_load(struct lab_job *job, const char *student)
{
    char error[LAB_ERROR_MAX];

    if (lab_load(job->files.lab, student, job->options->mutation, &job->lab, error) < 0) {
        tell_fault(job, file_names[0], error);
        return EXIT_FAILED;
    }
    return load_guides(job);
}

void lab_job_free(struct lab_job *job)
{
    lab_free(job->lab);
    guide_free(job->guide);
    free_files(&job->files);
}
