DROP TABLE native_files;
