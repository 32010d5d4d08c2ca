DROP TABLE ui_favorites, ui_history;
