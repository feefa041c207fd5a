/* What the module has of its host, and the host of it. */
#ifndef TCPLENS_WASM_EXPORT_H
#define TCPLENS_WASM_EXPORT_H

/* Other machines than this one know neither. */
#if __has_attribute(export_name)
#define ENGINE_EXPORT(name) __attribute__((export_name(name)))
#define ENGINE_IMPORT(name) __attribute__((import_module("tcplens"), import_name(name)))
#else
#define ENGINE_EXPORT(name)
#define ENGINE_IMPORT(name)
#endif

#endif
